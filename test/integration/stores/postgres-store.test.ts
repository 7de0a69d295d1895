import { expect, inject, test } from 'vitest'
import type { StoredValues } from '../../../src/stores/view-store.ts'
import { testDatabase, type TestDatabase } from '../../support/database.ts'
import { at, column, storedView, storeOf, write } from '../../support/postgres-store.ts'

const rating = storedView('rating', ['id'], { id: 'text', visits: 'bigint', rating: 'numeric?' })

/** Rows of a table as texts, NULLs as null, in the order of the text. */
async function texts(db: TestDatabase, sql: string): Promise<unknown[][]> {
  const client = await db.connect()
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' })
  return rows
}

const ratings = (db: TestDatabase): Promise<unknown[][]> =>
  texts(db, 'SELECT id, visits::text, rating::text FROM derived.rating ORDER BY id')

test('rows come, change and go with the position that they belong to', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using store = storeOf(db, [rating])
  expect(await store.open([rating], { takeOver: true })).toBe(null)
  await write(store, 'whole', 16, [
    {
      view: rating,
      rows: [
        ['r1', '2', '4.50'],
        ['r2', '0', null],
        ["'; DROP TABLE x; --\\", '1', 'NaN'],
      ],
    },
  ])
  expect(await ratings(db)).toEqual([
    ["'; DROP TABLE x; --\\", '1', 'NaN'],
    ['r1', '2', '4.50'],
    ['r2', '0', null],
  ])
  await write(store, 'changes', 32, [
    {
      view: rating,
      deletes: [["'; DROP TABLE x; --\\"], ['none']],
      rows: [
        ['r2', '1', '4.5'],
        ['r3', '1', null],
      ],
    },
  ])
  expect(await ratings(db)).toEqual([
    ['r1', '2', '4.50'],
    ['r2', '1', '4.5'],
    ['r3', '1', null],
  ])
  expect(await texts(db, 'SELECT pipeline, epoch::text, lsn::text FROM dbsync.checkpoint')).toEqual([
    ['p', '1', '0/20'],
  ])
  expect(
    await texts(db, 'SELECT schema, name, view, state, lsn::text, error FROM dbsync.derived_table'),
  ).toEqual([['derived', 'rating', 'rating', 'live', '0/20', null]])
  await store.close()
  await store.close()
  await using next = storeOf(db, [rating])
  expect(await next.open([rating], { takeOver: true })).toBe(at(32))
})

test('values of every kind arrive as they are written, and are changed to the last digit', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`CREATE TYPE "Mood (new)" AS ENUM ('glad', 'it''s so "so"')`)
  const types: Record<string, [type: string, first: string, second: string]> = {
    id: ['uuid', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000001'],
    flag: ['boolean', 't', 'f'],
    small: ['smallint', '-32768', '7'],
    whole: ['integer', '1', '2'],
    large: ['bigint', '9223372036854775807', '-1'],
    exact: ['numeric', '1.0', '1.00'],
    scaled: ['numeric(10,2)', '12345678.90', '0.10'],
    real: ['real', '1.1', 'NaN'],
    double: ['double precision', '0', '-0'],
    text: ['text', '', ' {"a", NULL} \\ \u2028'],
    short: ['character varying(5)', 'abcde', 'ab'],
    padded: ['character(3)', 'ab ', 'abc'],
    bytes: ['bytea', '\\xdeadbeef', '\\x'],
    day: ['date', 'infinity', '4713-01-01 BC'],
    time: ['time without time zone', '12:00:00.000001', '24:00:00'],
    stamp: ['timestamp(3) without time zone', '2024-01-02 03:04:05.678', '294276-12-31 23:59:59.999'],
    zoned: ['timestamp with time zone', '2024-01-02 03:04:05+00', '-infinity'],
    jsonb: ['jsonb', '{"a": 1}', '{"a": 1.0}'],
    json: ['json', '{"a": 1}', '{"a":1}'],
    numbers: ['integer[]', '{1,NULL,3}', '[0:1]={1,2}'],
    words: ['text[]', '{"a,b","NULL",NULL,""}', '{}'],
  }
  const nullable = Object.entries(types).map(([name, [type]]) => [name, name === 'id' ? type : `${type}?`])
  const plain = storedView('kinds', ['id'], Object.fromEntries(nullable))
  const enums = [column('mood', '"Mood (new)"?'), column('moods', '"Mood (new)"[]')].map(
    ({ name, type, rows }) => ({ name, rows, type: Object.assign({}, type, { enum: 'Mood' }) }),
  )
  const all = { ...plain, columns: [...plain.columns, ...enums] }
  const first = [...Object.values(types).map(([, value]) => value), 'glad', '{glad}']
  const second = [
    ...Object.values(types).map(([, , value]) => value),
    'it\'s so "so"',
    '{"it\'s so \\"so\\""}',
  ]
  await using store = storeOf(db, [all], { enumTypes: new Map([['Mood', '"Mood (new)"']]) })
  await store.open([all], { takeOver: true })
  const read = async (): Promise<unknown> => {
    const names = all.columns.map(({ name }) => `"${name}"::text`)
    return (await texts(db, `SELECT ${names.join(', ')} FROM derived.kinds`))[0]
  }
  // A cast of `character` to text leaves blanks out, and one of boolean writes the word.
  const shown = (row: readonly string[]): string[] =>
    row.map((value, place) => {
      if (place === 1) return value === 't' ? 'true' : 'false'
      return all.columns[place]?.name === 'padded' ? value.trimEnd() : value
    })
  await write(store, 'whole', 1, [{ view: all, rows: [first] }])
  expect(await read()).toEqual(shown(first))
  await write(store, 'changes', 2, [{ view: all, rows: [second] }])
  expect(await read()).toEqual(shown(second))
  // One value at a time, so that each difference alone is seen.
  for (const [place, value] of first.entries()) {
    const mixed = second.map((other, index) => (index === place ? value : other))
    await write(store, 'changes', 3 + place, [{ view: all, rows: [mixed] }])
    expect(await read()).toEqual(shown(mixed))
  }
  const id = first[0] ?? ''
  const nothing = [id, ...Array.from({ length: first.length - 1 }, () => null)]
  await write(store, 'changes', 99, [{ view: all, rows: [nothing] }])
  expect(await read()).toEqual(nothing)
})

test('a value that is too long for its column is refused, not cut', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const view = storedView('cut', ['id'], { id: 'character(2)', name: 'character varying(3)' })
  await using store = storeOf(db, [view])
  await store.open([view], { takeOver: true })
  for (const row of [
    ['ab', 'abcd'],
    ['abc', 'abc'],
  ]) {
    await store.begin({ kind: 'whole', views: [view] })
    await expect(store.upsert(view, [row])).rejects.toMatchObject({ code: 'STORE.ROW_REFUSED' })
  }
})

test('composite keys, keys alone, and views of one row', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const pair = storedView('pair', ['b', 'a'], { a: 'integer', n: 'integer', b: 'text' })
  const one = storedView('one', [], { total: 'numeric?', only: 'integer' })
  const keyOnly = storedView('key_only', ['id'], { id: 'numeric' })
  const views = [pair, one, keyOnly]
  await using store = storeOf(db, views)
  await store.open(views, { takeOver: true })
  await write(store, 'whole', 1, [
    {
      view: pair,
      rows: [
        ['1', '10', 'x'],
        ['2', '20', 'x'],
        ['1', '30', 'y'],
      ],
    },
    { view: one, rows: [['1.5', '7']] },
    { view: keyOnly, rows: [['1.0'], ['2']] },
  ])
  await write(store, 'changes', 2, [
    { view: pair, deletes: [['x', '1']], rows: [['1', '31', 'y']] },
    { view: one, rows: [[null, '8']] },
    // The same key, written otherwise.
    { view: keyOnly, deletes: [['2.00']], rows: [['1.00']] },
  ])
  expect(await texts(db, 'SELECT a, n, b FROM derived.pair ORDER BY a, b')).toEqual([
    [1, 31, 'y'],
    [2, 20, 'x'],
  ])
  expect(await texts(db, 'SELECT total, "only" FROM derived.one')).toEqual([[null, 8]])
  expect(await texts(db, 'SELECT id::text FROM derived.key_only')).toEqual([['1.00']])
  await write(store, 'whole', 4, [{ view: one, rows: [] }])
  expect(await texts(db, 'SELECT * FROM derived.one')).toEqual([])
  await write(store, 'changes', 5, [{ view: one, rows: [['1', '2']] }])
  await write(store, 'changes', 6, [{ view: one, deletes: [[]] }])
  expect(await texts(db, 'SELECT * FROM derived.one')).toEqual([])
})

test.skipIf(inject('serverMajor') < 15)('a key that may be NULL tells its rows apart', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const view = storedView('open', ['a', 'b'], { a: 'integer?', b: 'text?', n: 'integer' })
  await using store = storeOf(db, [view])
  await store.open([view], { takeOver: true })
  await write(store, 'whole', 1, [
    {
      view,
      rows: [
        ['1', 'x', '1'],
        ['1', null, '2'],
        [null, 'x', '3'],
        [null, null, '4'],
      ],
    },
  ])
  await write(store, 'changes', 2, [
    {
      view,
      deletes: [
        [null, 'x'],
        ['1', 'x'],
      ],
      rows: [
        [null, null, '40'],
        ['1', null, '20'],
      ],
    },
  ])
  const rows = (): Promise<unknown> => texts(db, 'SELECT a, b, n FROM derived.open ORDER BY n')
  expect(await rows()).toEqual([
    [1, null, 20],
    [null, null, 40],
  ])
  await store.begin({ kind: 'whole', views: [view] })
  await store.upsert(view, [
    [null, null, '40'],
    [null, 'y', '50'],
  ])
  await store.delete(view, [[null, 'y']])
  await store.commit(at(3))
  expect(await rows()).toEqual([[null, null, 40]])
})

test('a whole batch writes the difference: what is as it should be is not touched', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using store = storeOf(db, [rating])
  await store.open([rating], { takeOver: true })
  const row = (id: number, visits = 1): StoredValues => [`r${id}`, String(visits), '4.50']
  const count = 20_000
  const rows = Array.from({ length: count }, (_, id) => row(id))
  await write(store, 'whole', 1, [{ view: rating, rows }])
  const versions = async (): Promise<Map<string, string>> =>
    new Map(
      (
        await db.query<{ id: string; v: string }>(
          "SELECT id, ctid::text || '/' || xmin || '/' || xmax AS v FROM derived.rating",
        )
      ).map(({ id, v }) => [id, v]),
    )
  const before = await versions()
  expect(before.size).toBe(count)

  await using next = storeOf(db, [rating])
  await next.open([rating], { takeOver: true })
  await next.begin({ kind: 'whole', views: [rating] })
  // Slice by slice, and then what changed meanwhile: a row that had been written goes, one changes, one comes back.
  await next.upsert(rating, rows.slice(0, 12_000))
  await next.upsert(rating, rows.slice(12_000, count - 2))
  await next.delete(rating, [['r0'], ['r1'], [`r${count - 1}`]])
  await next.upsert(rating, [row(1), row(2, 5), row(count)])
  await next.commit(at(2))

  const after = await versions()
  expect(after.size).toBe(count - 2)
  expect([after.has('r0'), after.has('r1'), after.has(`r${count}`)]).toEqual([false, true, true])
  const touched = [...after].filter(([id, version]) => before.get(id) !== version).map(([id]) => id)
  expect(touched.toSorted()).toEqual(['r1', 'r2', `r${count}`])
})

test('a row that is written as it is makes no new version of it', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const view = storedView('v', ['id'], { id: 'integer', j: 'json?', n: 'numeric?' })
  await using store = storeOf(db, [view])
  await store.open([view], { takeOver: true })
  const rows = [
    ['1', '{"a": 1}', '1.0'],
    ['2', null, null],
  ]
  await write(store, 'whole', 1, [{ view, rows }])
  const before = await texts(db, 'SELECT id, ctid::text, xmin::text FROM derived.v ORDER BY id')
  await write(store, 'changes', 2, [{ view, rows }])
  expect(await texts(db, 'SELECT id, ctid::text, xmin::text FROM derived.v ORDER BY id')).toEqual(before)
  await write(store, 'changes', 3, [{ view, rows: [['2', null, '0']] }])
  expect(await texts(db, 'SELECT id, n::text FROM derived.v ORDER BY id')).toEqual([
    [1, '1.0'],
    [2, '0'],
  ])
})

test('many rows and large ones are written in pieces, one transaction together', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const view = storedView('v', ['id'], { id: 'integer', text: 'text' })
  await using store = storeOf(db, [view])
  await store.open([view], { takeOver: true })
  const reader = await db.connect()
  const seen = async (): Promise<unknown> =>
    (await reader.query('SELECT count(*)::int AS n, sum(length(text))::int AS size FROM derived.v')).rows[0]
  await store.begin({ kind: 'whole', views: [view] })
  const large = 'x'.repeat(3_000_000)
  const rows = Array.from({ length: 20_000 }, (_, id) => [String(id), id % 4_000 === 0 ? large : 'y'])
  await store.upsert(view, rows)
  expect(await seen()).toEqual({ n: 0, size: null })
  await store.commit(at(1))
  expect(await seen()).toEqual({ n: 20_000, size: 5 * 3_000_000 + 19_995 })
  await write(store, 'changes', 2, [{ view, deletes: rows.slice(1).map(([id]) => [id ?? null]) }])
  expect(await seen()).toEqual({ n: 1, size: 3_000_000 })
})
