import { AssertionError } from 'node:assert'
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { createSync, defineView, gt, max, multiply, nowMinus } from 'prisma-dbsync'
import {
  checkViews,
  toSql,
  verifyView,
  ViewCheckError,
  type CheckViewsOptions,
  type VerifiedSync,
} from 'prisma-dbsync/testing'
import { Extremes } from '../../src/ivm/extremes.ts'
import { Item, schema as items } from '../conformance/item.ts'
import { Restaurant, schema } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { contractTables } from './contract-tables.ts'
import { exampleViews } from '../support/example-views.ts'

const SEED = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))

test('views that are right pass a hundred histories', async () => {
  await using db = await testDatabase()
  await using sync = createSync({ schema, connection: db.url, views: exampleViews })
  await sync.start()
  const before = sync.status().changes
  await checkViews(sync, exampleViews, { seed: SEED })
  expect(sync.status().changes - before).toBeGreaterThan(500)
  // What comes next begins with empty tables.
  expect(await db.query('SELECT 1 FROM users UNION ALL SELECT 1 FROM restaurant')).toEqual([])
})

type AnyRow = Readonly<Record<string, unknown>>

/** A sync whose views show other rows than they have. */
function tampered(sync: VerifiedSync, tamper: (row: AnyRow) => AnyRow): VerifiedSync {
  const views = Object.values(sync.views).map((live) => ({
    name: live.name,
    at: live.at.bind(live),
    rows: () => [...live.rows()].map((row) => tamper(row as AnyRow)),
  }))
  return {
    views: Object.fromEntries(views.map((live) => [live.name, live])),
    catchUp: () => sync.catchUp(),
    at: (position) => sync.at(position),
  }
}

async function failureOf(sync: VerifiedSync, options: CheckViewsOptions): Promise<ViewCheckError> {
  try {
    await checkViews(sync, [exampleViews.userSpend], options)
  } catch (error) {
    if (error instanceof ViewCheckError) return error
    throw error
  }
  throw new Error(`nothing is wrong: seed ${options.seed}`)
}

test('a view that is wrong is found, in a small history that its seed makes again', async () => {
  await using db = await testDatabase()
  await using sync = createSync({ schema, connection: db.url, views: exampleViews })
  await sync.start()
  // As an engine would that takes 0 for nothing.
  const wrong = tampered(sync, (row) => (Number(row['best']) > 0 ? row : { ...row, best: null }))
  const options = { connection: db.url, seed: SEED, transactions: { max: 5 } }
  const found = await failureOf(wrong, options)
  expect(found).toBeInstanceOf(AssertionError)
  expect([found.view, found.seed]).toEqual(['user_spend', SEED])
  const statements = found.history.transactions.flatMap((one) => one.statements)
  // A visit cannot be without its user and its restaurant.
  expect(statements.map(({ op, model }) => `${op} ${model}`).toSorted()).toEqual([
    'insert Restaurant',
    'insert User',
    'insert Visit',
  ])
  expect(statements.find(({ model }) => model === 'Visit')?.values.at(-1)).toMatch(/^(?:0|-\d+)$/)
  expect(found.differences).toMatchObject([{ actual: { best: 'null', visits: '1' } }])
  for (const part of [
    toSql(found.history),
    'best: is null, must be ',
    exampleViews.userSpend.sql,
    `seed: ${SEED}, path: '${found.path}'`,
  ]) {
    expect(found.message).toContain(part)
  }
  const again = await failureOf(wrong, { ...options, path: found.path })
  expect([again.history, again.path]).toEqual([found.history, found.path])
  // The script alone shows it, too.
  await db.query(toSql(found.history))
  await expect(verifyView(wrong, exampleViews.userSpend, { connection: db.url })).rejects.toThrow(
    'best: is null',
  )
})

test('a flaw of the engine that stays for good is found in at most three statements', async () => {
  await using db = await testDatabase()
  const best = defineView('best', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({ best: max(r.rating) })),
  )
  const forgetting = vi.spyOn(Extremes.prototype, 'remove').mockImplementation(() => {})
  try {
    await using sync = createSync({ schema, connection: db.url, views: { best } })
    await sync.start()
    const search = checkViews(sync, { best }, { seed: SEED })
    const found = await search.then(
      () => null,
      (error: unknown) => error,
    )
    if (!(found instanceof ViewCheckError)) throw new Error(`seed ${SEED}`, { cause: found })
    const statements = found.history.transactions.flatMap((one) => one.statements)
    expect(statements.map(({ op }) => op)[0]).toBe('insert')
    expect(statements.length).toBeLessThanOrEqual(3)
  } finally {
    forgetting.mockRestore()
  }
})

test('the seed of the environment is taken where none is given', async () => {
  await using db = await testDatabase()
  await using sync = createSync({ schema, connection: db.url, views: exampleViews })
  await sync.start()
  const wrong = tampered(sync, (row) => ({ ...row, visits: -1 }))
  vi.stubEnv('DBSYNC_SEED', '77')
  const found = await failureOf(wrong, { connection: db.url })
  vi.unstubAllEnvs()
  expect(found.seed).toBe(77)
})

test('tables that hold rows are left alone unless it is said that they may be emptied', async () => {
  await using db = await testDatabase()
  await using sync = createSync({ schema, connection: db.url, views: exampleViews })
  await sync.start()
  await db.query("INSERT INTO users VALUES (1, 'A', 'a', 'a@x')")
  const views = [exampleViews.userSpend]
  await expect(checkViews(sync, views, { runs: 1 })).rejects.toMatchObject({ code: 'CONFIG.INVALID_OPTIONS' })
  expect(await db.query('SELECT 1 FROM users')).toHaveLength(1)
  await checkViews(sync, views, { runs: 1, emptiesTables: true, seed: SEED })
  expect(await db.query('SELECT 1 FROM users')).toHaveLength(0)
})

test('a derived table is checked as a view in memory is', async () => {
  await using db = await testDatabase()
  const { userSpend } = exampleViews
  const views = { userSpend }
  await using sync = createSync({ schema, connection: db.url, views, tables: { userSpend: {} } })
  await sync.start()
  await checkViews(sync, views, { runs: 4, seed: SEED, of: 'table' })
  await db.query(`CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.visits := 7; RETURN NEW; END';
    CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON derived.user_spend FOR EACH ROW EXECUTE FUNCTION meddle()`)
  await checkViews(sync, views, { runs: 4, seed: SEED })
  const found = await failureOf(sync, { seed: SEED, of: 'table' })
  expect(
    found.history.transactions.flatMap(({ statements }) => statements.map(({ model }) => model)),
  ).toEqual(['User'])
})

test('a view that cannot be computed of what its tables may hold ends the search with its error', async () => {
  await using db = await testDatabase()
  const doubled = defineView('doubled', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, twice: multiply(r.rating, 2) })),
  )
  const check = async (rating: CheckViewsOptions): Promise<void> => {
    await using sync = createSync({ schema, connection: db.url, views: { doubled } })
    await sync.start()
    await checkViews(sync, { doubled }, { seed: SEED, ...rating })
  }
  await expect(check({})).rejects.toMatchObject({
    code: 'VIEW.EVALUATION',
    details: { seed: SEED, script: expect.stringContaining('INSERT INTO "public"."restaurant"') as string },
  })
  await db.query('DELETE FROM restaurant')
  await check({ runs: 30, with: { Restaurant: { rating: fc.integer({ min: 1, max: 5 }) } } })
})

test('a view that time moves is checked at one moment', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(contractTables(items.contract))
  const recent = defineView('recent', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => gt(i.zoned, nowMinus({ days: 3650 })))
      .select(({ i }) => ({ id: i.id, zoned: i.zoned })),
  )
  await using sync = createSync({ schema: items, connection: db.url, views: { recent } })
  await sync.start()
  await checkViews(sync, { recent }, { runs: 4, seed: SEED, transactions: { min: 3, max: 5 } })
  expect(sync.status().changes).toBeGreaterThan(4)
})
