import { expect, test, vi } from 'vitest'
import { createSync, type AnyChange } from 'prisma-dbsync'
import type { ColumnContract, ModelContract, Schema } from '../../src/contract/schema-contract.ts'
import { textOfPublic, textOfServer, TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { createTables, everyType, insertRows, rowsOf, tableOf, VALUES_A_TYPE, wholeView } from './fixture.ts'

// Thousands of values a type: minutes on a machine that has other work.
vi.setConfig({ testTimeout: 300_000 })

/*
 * One value, four ways: the row of a view that was read in chunks, the row of a view that followed the stream, the change
 * event, and what the server prints. Database and role are set to print everything otherwise.
 */

interface Ways {
  readonly chunk: ReadonlyMap<number, Row>
  readonly stream: ReadonlyMap<number, Row>
  readonly event: ReadonlyMap<number, Row>
}
type Row = Readonly<Record<string, unknown>>

for (const name of ['Everything', 'Lists']) {
  test(`F43 F44 every value of every type of ${name} is the same by chunk, by stream, in events and on the server`, async () => {
    const { schema } = await everyType()
    const model = schema.contract.models.find((candidate) => candidate.model === name)
    if (model === undefined) throw new Error(`no model ${name}`)
    await using db = await testDatabase({ schema: 'empty' })
    await createTables(db)
    const seed = Date.now() % 1_000_000_000
    const rows = rowsOf(schema, model, VALUES_A_TYPE, seed)
    const ways = await readAllWays(db, schema, model, () => insertRows(db, model, rows))
    const differences: string[] = []
    for (const column of model.columns) {
      const printed = await printedValues(db, model, column)
      expect(printed.length).toBe(VALUES_A_TYPE)
      const type = { ...column, scalar: column.type }
      for (const [index, text] of printed.entries()) {
        const oracle = textOfServer(schema, type, text)
        for (const [way, found] of Object.entries(ways)) {
          const row = (found as ReadonlyMap<number, Row>).get(index + 1)
          const shown = row === undefined ? 'no row' : textOfPublic(type, row[column.field])
          if (shown !== oracle) {
            differences.push(`seed ${seed} ${column.field} (${column.pgType}) by ${way}: ${short(text)} is ${short(shown)}, not ${short(oracle)}`) // prettier-ignore
          }
        }
      }
    }
    expect(differences.slice(0, 40)).toEqual([])
  })
}

const short = (text: string | null): string => String(text).slice(0, 80)

async function readAllWays(
  db: TestDatabase,
  schema: Schema,
  model: ModelContract,
  insert: () => Promise<void>,
): Promise<Ways> {
  const view = wholeView(schema, model)
  const event = new Map<number, Row>()
  const insertHandler = (change: AnyChange): void => {
    if (change.op === 'insert') event.set((change.after as { id: number }).id, change.after as Row)
  }
  await using following = createSync({
    schema,
    connection: db.url,
    views: { view },
    handlers: { [model.model]: { insert: insertHandler } },
    // Slots are the server's, and other tests use it at the same time.
    slot: { name: `s_${db.name}` },
  })
  await following.start()
  await insert()
  await following.catchUp()
  await until(() => event.size === VALUES_A_TYPE, 60_000)
  await using late = createSync({
    schema,
    connection: db.url,
    views: { view },
    slot: { name: `late_${db.name}` },
  })
  await late.start()
  return { chunk: byId(late.views.view.rows()), stream: byId(following.views.view.rows()), event }
}

function byId(rows: Iterable<unknown>): ReadonlyMap<number, Row> {
  return new Map([...rows].map((row) => [(row as { id: number }).id, row as Row]))
}

async function printedValues(
  db: TestDatabase,
  model: ModelContract,
  column: ColumnContract,
): Promise<(string | null)[]> {
  const client = await db.connect()
  await client.query(`${TEXT_SETTINGS}; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on`)
  const { rows } = await client.query<[string | null]>({
    text: `SELECT "${column.column}" FROM ${tableOf(model)} ORDER BY id`,
    rowMode: 'array',
    types: { getTypeParser: () => (text: string) => text },
  })
  await client.end()
  return rows.map(([text]) => text)
}
