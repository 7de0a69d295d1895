import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Schema } from 'prisma-dbsync'
import { applyHistory, type AppliedStatement } from '../../src/testing/apply-history.ts'
import { toSql, type History, type HistoryStatement } from '../../src/testing/history.ts'
import { truncateSql } from '../../src/testing/statement-sql.ts'
import { transactions } from '../../src/testing/transactions.ts'
import { emptyTables } from '../../src/testing/empty-tables.ts'
import { tableName } from '../../src/postgres/table-name.ts'
import { schema as example } from '../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { contractTables, type OnParent } from './contract-tables.ts'
import { knots, richSchema } from './own-schema.ts'

const SEED = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))

interface Tally {
  statements: number
  changing: number
  readonly refused: Record<string, number>
  readonly ops: Record<string, number>
}

/** Applies histories one after the other to a database that is emptied before each. */
async function tallyOf(db: TestDatabase, schema: Schema, histories: readonly History[]): Promise<Tally> {
  const tally: Tally = { statements: 0, changing: 0, refused: {}, ops: {} }
  const client = await db.connect()
  for (const history of histories) {
    await emptyTables(client, schema.contract.models)
    for await (const { statements } of applyHistory(client, history)) {
      for (const one of statements) count(tally, one)
    }
  }
  await client.end()
  return tally
}

function count(tally: Tally, { statement: { op, model }, rows, refused }: AppliedStatement): void {
  tally.ops[op] = (tally.ops[op] ?? 0) + 1
  if (model === null) return
  tally.statements += 1
  if (rows > 0 || (op === 'truncate' && refused === null)) tally.changing += 1
  if (refused !== null) tally.refused[refused] = (tally.refused[refused] ?? 0) + 1
}

/** The tables of a schema, as Prisma makes them: what refers to a row that goes is set to NULL if it may be, else as is said. */
async function createTables(db: TestDatabase, schema: Schema, onRequired: OnParent): Promise<void> {
  await db.query(contractTables(schema.contract, (_, isNullable) => (isNullable ? 'SET NULL' : onRequired)))
}

const OPS = ['delete', 'insert', 'move', 'release', 'rollback-to', 'savepoint', 'truncate', 'update']

describe('the statements of random histories', () => {
  const cases = [
    ['example', example, 'CASCADE', 40],
    ['example', example, 'RESTRICT', 20],
    ['rich', richSchema(), 'CASCADE', 25],
    ['knots', knots, 'RESTRICT', 25],
  ] as const
  for (const [name, schema, onRequired, numRuns] of cases) {
    test(`change something, nearly all of them, over the tables of ${name} with ON DELETE ${onRequired}`, async () => {
      await using db = await testDatabase({ schema: 'empty' })
      await createTables(db, schema, onRequired)
      const histories = fc.sample(transactions(schema), { numRuns, seed: SEED })
      const tally = await tallyOf(db, schema, histories)
      expect(tally.statements).toBeGreaterThan(numRuns * 5)
      expect([SEED, tally.changing / tally.statements > 0.9]).toEqual([SEED, true])
      // Constraints alone.
      expect(Object.keys(tally.refused).filter((code) => !code.startsWith('23'))).toEqual([])
    })
  }

  test('are of every kind, and some are refused', async () => {
    await using db = await testDatabase()
    // The same each time: what is rare does not come in every few.
    const histories = fc.sample(transactions(example), { numRuns: 40, seed: 3 })
    const tally = await tallyOf(db, example, histories)
    expect(Object.keys(tally.ops).toSorted()).toEqual(OPS)
    expect(Object.keys(tally.refused)).toContain('23505')
    expect(histories.some((history) => history.transactions.some(({ end }) => end === 'rollback'))).toBe(true)
  })
})

/** All rows of all tables, as texts. */
async function contents(db: TestDatabase, { contract }: Schema): Promise<readonly unknown[]> {
  const tables: unknown[] = []
  for (const model of contract.models) {
    tables.push(await db.query(`SELECT t::text FROM ${tableName(model)} t ORDER BY t::text COLLATE "C"`))
  }
  return tables
}

test('a history is plain data, and its script does what it did', async () => {
  const schema = richSchema()
  await using db = await testDatabase({ schema: 'empty' })
  await using other = await testDatabase({ schema: 'empty' })
  for (const one of [db, other]) await createTables(one, schema, 'RESTRICT')
  let rows = 0
  await fc.assert(
    fc.asyncProperty(transactions(schema, { transactions: { min: 3, max: 6 } }), async (history) => {
      for (const one of [db, other]) await one.query(truncateSql(schema.contract.models, true))
      const stored = JSON.parse(JSON.stringify(history)) as History
      expect(stored).toEqual(history)
      const applied = await allOf(applyHistory(db, stored))
      for (const { isCommitted, transaction } of applied)
        expect(isCommitted).toBe(transaction.end === 'commit')
      await other.query(toSql({ transactions: applied.map(({ transaction }) => transaction) }))
      const found = await contents(db, schema)
      rows += found.flat().length
      expect(await contents(other, schema)).toEqual(found)
    }),
    { numRuns: 12, seed: SEED },
  )
  expect(rows).toBeGreaterThan(12)
})

test('a seed makes the same histories, and a counterexample is small', () => {
  const histories = transactions(example)
  const sample = (): History[] => fc.sample(histories, { numRuns: 5, seed: SEED })
  expect(sample()).toEqual(sample())
  const isBad = ({ transactions: all }: History): boolean =>
    all.some(({ statements }) => statements.some(({ op }) => op === 'move'))
  const { counterexample } = fc.check(
    fc.property(histories, (history) => !isBad(history)),
    // With others it may have a savepoint around.
    { seed: 1, numRuns: 500 },
  )
  const [found] = counterexample ?? []
  const statements = found?.transactions.flatMap((one) => one.statements.map(({ op }) => op))
  // The row that is moved has to be there.
  expect(statements).toEqual(['insert', 'move'])
})

test('only the models that are asked for are written, and those that their rows need', () => {
  const written = (models: readonly { readonly model: string }[]): string[] => {
    const histories = fc.sample(transactions(richSchema(), { models }), { numRuns: 30, seed: SEED })
    const all = histories.flatMap((history) => history.transactions.flatMap(({ statements }) => statements))
    return [...new Set(all.flatMap(({ model }) => model ?? []))].toSorted()
  }
  expect(written([{ model: 'Group' }])).toEqual(['Group'])
  expect(written([{ model: 'Membership' }])).toEqual(['Account', 'Group', 'Membership'])
})

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

test('what a constraint outside of the schema refuses is left out, and the transaction goes on', async () => {
  await using db = await testDatabase()
  await db.query('ALTER TABLE restaurant ADD CHECK (rating BETWEEN 1 AND 5)')
  const insert = (id: string, rating: string): HistoryStatement => ({
    op: 'insert',
    model: 'Restaurant',
    sql: 'INSERT INTO restaurant (id, name, rating) VALUES ($1, $2, $3)',
    values: [id, 'R', rating],
    mayFail: false,
  })
  const history: History = {
    transactions: [{ statements: [insert('a', '1'), insert('b', '9'), insert('c', '5')], end: 'commit' }],
  }
  const [done] = await allOf(applyHistory(db, history))
  expect(done?.statements.map(({ rows, refused }) => [rows, refused])).toEqual([
    [1, null],
    [0, '23514'],
    [1, null],
  ])
  expect(await db.query('SELECT id FROM restaurant ORDER BY id')).toEqual([{ id: 'a' }, { id: 'c' }])
})

test('a COMMIT that is refused is told, and a table that is not there is an error', async () => {
  await using db = await testDatabase()
  await db.query('ALTER TABLE visit ALTER CONSTRAINT visit_user_id_fkey DEFERRABLE INITIALLY DEFERRED')
  const statement = (sql: string): History => ({
    transactions: [
      { statements: [{ op: 'insert', model: 'Visit', sql, values: [], mayFail: false }], end: 'commit' },
    ],
  })
  await db.query("INSERT INTO restaurant (id, name) VALUES ('a', 'A')")
  const orphan = statement("INSERT INTO visit VALUES (1, 'a', 1, 1)")
  const [done] = await allOf(applyHistory(db, orphan))
  expect([done?.isCommitted, done?.statements[0]?.rows]).toEqual([false, 1])
  expect(await db.query('SELECT 1 FROM visit')).toEqual([])
  const nowhere = allOf(applyHistory(db, statement('INSERT INTO nowhere VALUES (1)')))
  await expect(nowhere).rejects.toMatchObject({ code: 'POSTGRES.QUERY_FAILED' })
})
