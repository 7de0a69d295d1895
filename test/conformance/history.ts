import type pg from 'pg'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { testDatabase } from '../support/database.ts'
import { contract, DDL, schema } from './fixture.ts'
import { Mirror, type TextRow } from './mirror.ts'

/** A small repeatable generator: the seed is printed with every failure. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 0x1_0000_0000) * below)
  }
}

const NOTES = ['', 'a', 'b', 'é', 'z', 'Zz', 'aa', ' a', '日本', 'it\'s \\ "q"']
const AMOUNTS = ['-12.34', '0.00', '0.01', '99999999.99', '-0.05', '7.10', '1', '12.5']
const WIDE = [
  '123456789012345678901234567890.0123456789',
  '-0.0000000001',
  '1',
  '7.5',
  '-999999999999999999',
  '42',
]
const FREE = [
  '1',
  '1.0',
  '1.00',
  '0.333',
  '-2.5',
  '1e-20',
  '123456789012345678901234567890.5',
  'NaN',
  'Infinity',
  '-Infinity',
]
const BIG = ['0', '1', '-1', '9007199254740993', '9223372036854775807', '-9223372036854775808', '4294967296']
const TIMES = [
  '2024-01-01 00:00:00+00',
  '1969-12-31 23:59:59.999999+00',
  '2030-06-01 12:34:56.789+02',
  '0001-01-01 00:00:00+00',
]
const DAYS = ['2024-02-29', '1900-01-01', '9999-12-31', '0001-01-01']

function literal(text: string | null): string {
  return text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`
}

function statements(random: (below: number) => number): string {
  const pick = (texts: readonly string[]): string =>
    literal(random(4) === 0 ? null : (texts[random(texts.length)] ?? ''))
  const shopId = (): string => (random(6) === 0 ? 'NULL' : `'h${random(5)}'`)
  const line = (): number => random(3)
  const id = (): number => random(9)
  const key = (): string => `line = ${line()} AND id = ${id()}`
  const sale: Record<string, () => string> = {
    shopid: shopId,
    qty: () => (random(4) === 0 ? 'NULL' : String(random(11) - 5)),
    big: () => pick(BIG),
    amount: () => pick(AMOUNTS),
    wide: () => pick(WIDE),
    free: () => pick(FREE),
    dbl: () => pick(['0', '1.5', '-2.25', 'NaN', 'Infinity', '1e300', '0.1']),
    at: () => pick(TIMES),
    day: () => pick(DAYS),
    clock: () => pick(['00:00:00', '23:59:59.999999', '24:00:00']),
    note: () => pick(NOTES),
    flag: () => pick(['t', 'f']),
    mood: () => pick(['good mood', 'bäd']),
    doc: () => pick(['null', '{"a": [1, 2.5]}', '"x"']),
    raw: () => pick(['\\x', '\\x00ff']),
  }
  const names = Object.keys(sale)
  const values = (): string => names.map((name) => sale[name]?.() ?? '').join(', ')
  switch (random(12)) {
    case 0:
      return `INSERT INTO region VALUES (${random(3)}, 'R${random(3)}') ON CONFLICT DO NOTHING RETURNING *`
    case 1:
      return `UPDATE region SET title = 'R${random(3)}' WHERE id = ${random(3)} RETURNING *`
    case 2:
      return `DELETE FROM region WHERE id = ${random(3)} RETURNING *`
    case 3:
      return `INSERT INTO shop VALUES ('h${random(5)}', 'S${random(3)}', ${pick(['Bonn', 'Kiel'])}, ${pick(['0', '1', '2'])}, ${pick(['{}', '{a,"b,c"}'])})
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, city = excluded.city, regionid = excluded.regionid RETURNING *`
    case 4:
      return `UPDATE shop SET regionid = ${pick(['0', '1', '2'])}, name = 'S${random(3)}' WHERE id = 'h${random(5)}' RETURNING *`
    case 5:
      return `DELETE FROM shop WHERE id = 'h${random(5)}' RETURNING *`
    case 6:
      return `DELETE FROM sale WHERE ${random(8) === 0 ? 'true' : random(2) === 0 ? `line = ${line()}` : key()} RETURNING *`
    case 7: {
      const name = names[random(names.length)] ?? 'qty'
      return `UPDATE sale SET ${name} = ${sale[name]?.()} WHERE ${random(3) === 0 ? `line = ${line()}` : key()} RETURNING *`
    }
    case 8:
      return `UPDATE sale SET shopid = ${shopId()} WHERE ${key()} RETURNING *`
    case 9:
      return `UPDATE sale SET id = ${id() + 20 * random(2)}, line = ${line()}, qty = ${sale['qty']?.()} WHERE ${key()} RETURNING *`
    default:
      return `INSERT INTO sale (line, id, ${names.join(', ')}) VALUES (${line()}, ${id()}, ${values()}) ON CONFLICT DO NOTHING RETURNING *`
  }
}

type Rows = Map<string, TextRow>

async function readAll(client: pg.ClientBase): Promise<Map<string, Rows>> {
  const all = new Map<string, Rows>()
  for (const model of contract.models) {
    const { rows } = await client.query<(string | null)[]>({
      text: `SELECT ${model.columns.map(({ column }) => `"${column}"`).join(', ')} FROM "${model.table}"`,
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text },
    })
    all.set(
      model.model,
      new Map(
        rows.map((row) => {
          const named = Object.fromEntries(
            model.columns.map(({ field }, index) => [field, row[index] ?? null]),
          )
          return [JSON.stringify(model.key.map((field) => named[field])), named]
        }),
      ),
    )
  }
  return all
}

/** What one statement did, row by row: deletes first, since a key may have moved to where another was. */
function feed(mirror: Mirror, before: Map<string, Rows>, after: Map<string, Rows>, moved: boolean): void {
  for (const { model } of contract.models) {
    const old = before.get(model) ?? new Map<string, TextRow>()
    const fresh = after.get(model) ?? new Map<string, TextRow>()
    const gone = [...old].filter(([key]) => !fresh.has(key))
    const come = [...fresh].filter(([key]) => !old.has(key))
    // An update of the key is one change to the stream: old key and new row together.
    if (moved && gone.length === 1 && come.length === 1 && gone[0] !== undefined && come[0] !== undefined) {
      mirror.change(model, gone[0][1], come[0][1])
    } else {
      for (const [, row] of gone) mirror.change(model, row, null)
      for (const [, row] of come) mirror.change(model, null, row)
    }
    for (const [key, row] of fresh) {
      const known = old.get(key)
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(row))
        mirror.change(model, known, row)
    }
  }
}

/**
 * Differences between views and their SQL after one of the transactions of a random history over the fixture's tables,
 * with the statements that led to the first; empty if there are none.
 */
export async function history(
  views: readonly ViewDefinition[],
  seed: number,
  transactions: number,
): Promise<readonly string[]> {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(TEXT_SETTINGS)
  await client.query(DDL)
  const random = generator(seed)
  const mirror = new Mirror(
    schema,
    views.map(({ ir }) => ir),
  )
  let known = await readAll(client)
  for (let transaction = 0; transaction < transactions; transaction += 1) {
    const executed: string[] = []
    for (let index = random(4); index >= 0; index -= 1) {
      const sql = statements(random)
      executed.push(sql)
      try {
        await client.query(sql)
      } catch (error) {
        // A key that would be there twice: the statement did nothing.
        if (!(error instanceof Error && 'code' in error && error.code === '23505')) throw error
      }
      const now = await readAll(client)
      feed(mirror, known, now, sql.startsWith('UPDATE'))
      known = now
    }
    mirror.replica.flush()
    for (const view of views) {
      const state = mirror.replica.views.get(view.name)
      const rows = [...(state?.rows() ?? [])]
      const differences = (await compareView(view, rows, client)).map(formatDifference)
      if (state?.size !== rows.length)
        differences.push(`${view.name} counts ${state?.size} of ${rows.length} rows`)
      if (differences.length > 0) {
        return [`seed ${seed}, transaction ${transaction}`, ...executed, ...differences]
      }
    }
  }
  return []
}
