import { expect, test, vi } from 'vitest'
import {
  createSync,
  defineTable,
  defineView,
  gt,
  isDbsyncError,
  max,
  min,
  type AnyChange,
  type SyncEvent,
} from 'prisma-dbsync'
import type { ModelContract, Schema } from '../../src/contract/schema-contract.ts'
import { compareView } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { valuesOf } from './arbitraries.ts'
import {
  createTables,
  everyType,
  insertRows,
  READING,
  rowsOf,
  tableOf,
  wholeView,
  type Rows,
} from './fixture.ts'

// Thousands of values a type: minutes on a machine that has other work.
vi.setConfig({ testTimeout: 300_000 })

/*
 * Values that Postgres holds and no value of the client stands for: infinity, BC and far years as a Date, a NULL or a
 * further dimension in a list. Nothing stops for them; whoever reads the field is told.
 */

interface Unshowable {
  readonly id: number
  readonly field: string
  readonly text: string
}

/** One row for each such value, all its other fields good. */
function unshowableRows(
  schema: Schema,
  model: ModelContract,
): { readonly rows: Rows; readonly cases: Unshowable[] } {
  const columns = model.columns.filter(({ field }) => field !== 'id')
  const all = columns.flatMap((column, index) =>
    valuesOf(column, schema.contract).unshowable.map((text) => ({ index, field: column.field, text })),
  )
  const good = rowsOf(schema, model, all.length, 7)
  const texts = good.texts.map((values, index) =>
    values.map((text, row) => (all[row]?.index === index ? (all[row]?.text ?? text) : text)),
  )
  return {
    rows: { columns, texts },
    cases: all.map(({ field, text }, row) => ({ id: row + 1, field, text })),
  }
}

function errorOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

for (const name of ['Everything', 'Lists']) {
  test(`a value of ${name} that no client type holds is a coded error for its reader alone`, async () => {
    const { schema } = await everyType()
    const model = schema.contract.models.find((candidate) => candidate.model === name)
    if (model === undefined) throw new Error(`no model ${name}`)
    await using db = await testDatabase({ schema: 'empty' })
    await createTables(db)
    const { rows, cases } = unshowableRows(schema, model)
    expect(cases.length).toBeGreaterThan(40)
    const table = defineTable<string, { id: number }, 'id'>(schema, name)
    const ids = defineView('ids', (q) => q.from({ t: table }).select(({ t }) => ({ id: t.id })))
    const views = { all: wholeView(schema, model), ids }
    const changes = new Map<number, AnyChange>()
    const note = (change: AnyChange): void => {
      if ('after' in change) changes.set((change.after as { id: number }).id, change)
    }
    const events: SyncEvent[] = []
    const options = { schema, connection: db.url, views, onEvent: (event: SyncEvent) => events.push(event) }
    await using following = createSync({
      ...options,
      handlers: { [name]: { insert: note, update: note } },
      slot: { name: `s_${db.name}` },
    })
    await following.start()
    await insertRows(db, model, rows)
    await following.catchUp()
    await using late = createSync({ ...options, slot: { name: `late_${db.name}` } })
    await late.start()
    await until(() => changes.size === cases.length)
    for (const { id, field, text } of cases) {
      const change = changes.get(id)
      if (change?.op !== 'insert') throw new Error(`no event of ${id}`)
      const row = change.after as Record<string, unknown>
      for (const [way, read] of [
        ['stream', () => following.views.all.get(id)],
        ['chunk', () => late.views.all.get(id)],
        ['event', () => row[field]],
      ] as const) {
        const error = errorOf(read)
        if (!isDbsyncError(error)) throw new Error(`${field} ${text} by ${way} is shown: ${String(error)}`)
        expect([way, text, error.code]).toEqual([way, text, 'CHANGES.UNDECODABLE_VALUE'])
        expect(error.message).toContain(`${name}.${field}: `)
        // A message speaks of infinity and of NULL in general; digits would be the value's.
        const told = (text.match(/\d{3,}/g) ?? []).filter(
          (digits) => digits !== '9999' && error.message.includes(digits),
        )
        expect([text, told]).toEqual([text, []])
      }
      const others = Object.keys(row).filter((other) => other !== field)
      expect(others.length).toBe(model.columns.length - 1)
      for (const other of others)
        expect([other, errorOf(() => row[other]) instanceof Error]).toEqual([other, false])
    }
    for (const sync of [following, late]) {
      expect([...sync.views.ids.rows()].length).toBe(cases.length)
      expect(sync.state).toBe('live')
      expect(sync.views.all.readiness).toBe('live')
    }
    // A corrected row can be read.
    const [first] = cases
    const column = model.columns.find(({ field }) => field === first?.field)
    const [good = ''] = column === undefined ? [] : valuesOf(column, schema.contract).extremes
    const client = await db.connect()
    await client.query(READING)
    await client.query(
      `UPDATE ${tableOf(model)} SET "${column?.column}" = $1::text::${column?.pgType}${column?.list === true ? '[]' : ''} WHERE id = 1`,
      [good],
    )
    await client.end()
    for (const sync of [following, late]) {
      await sync.catchUp()
      expect(errorOf(() => sync.views.all.get(1))).toMatchObject({ id: 1 })
    }
    await until(() => changes.get(1)?.op === 'update')
    expect(events.filter(({ kind }) => kind === 'view-failed' || kind === 'handler-retry')).toEqual([])
  })
}

test('dates beyond a Date are compared, ordered and grouped as Postgres does', async () => {
  const { schema } = await everyType()
  const model = schema.contract.models.find(({ model: name }) => name === 'Everything')
  if (model === undefined) throw new Error('no model')
  await using db = await testDatabase({ schema: 'empty' })
  await createTables(db)
  const { rows } = unshowableRows(schema, model)
  const table = defineTable<
    string,
    { id: number; date: Date; timestamp: Date; timestamptz: Date; plain: string },
    'id'
  >(schema, 'Everything')
  const fields = ['date', 'timestamp', 'timestamptz'] as const
  const days = ['0001-01-01', '2024-02-29', '9999-12-31'].map((day) => new Date(`${day}T00:00:00Z`))
  const views = Object.fromEntries(
    fields.flatMap((field) =>
      days.map((day, index) => [
        `${field}${index}`,
        defineView(`${field}_${index}`, (q) =>
          q
            .from({ t: table })
            .where(({ t }) => gt(t[field], day))
            .select(({ t }) => ({ id: t.id })),
        ),
      ]),
    ),
  )
  const ends = defineView('ends', (q) =>
    q
      .from({ t: table })
      .groupBy(({ t }) => [t.id])
      .select(({ t }) => ({ id: t.id, least: min(t.timestamp), most: max(t.timestamp) })),
  )
  const sync = createSync({ schema, connection: db.url, views: { ...views, ends } })
  await using _ = sync
  await sync.start()
  await insertRows(db, model, rows)
  await sync.catchUp()
  const client = await db.connect()
  await client.query(`${READING}; SET search_path = "$user", public`)
  const live: Readonly<Record<string, { rows(): Iterable<unknown>; readonly size: number }>> = sync.views
  for (const [name, view] of Object.entries(views)) {
    expect([name, await compareView(view, live[name]?.rows() ?? [], client)]).toEqual([name, []])
    expect([name, live[name]?.size ?? 0]).not.toEqual([name, 0])
  }
  await client.end()
  const found = rows.columns.findIndex(({ field }) => field === 'timestamp')
  const far = (rows.texts[found] ?? []).findIndex((text) => text === '-infinity')
  expect(errorOf(() => sync.views.ends.get(far + 1))).toMatchObject({ code: 'CHANGES.UNDECODABLE_VALUE' })
})
