import { expect } from 'vitest'
import type pg from 'pg'
import type { ViewDefinition } from 'prisma-dbsync'
import type { TestDatabase } from './database.ts'
import { exampleViews } from './example-views.ts'

/** The option that has every view of the example written. */
export const EXAMPLE_TABLES = { restaurantRating: {}, userSpend: {}, grandTotal: {} } as const

/** Rows on which the derived tables and their views' SQL disagree; both in one snapshot. */
export async function derivedDifferences(
  db: Pick<TestDatabase, 'query'>,
  views: readonly ViewDefinition[] = Object.values(exampleViews),
): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for (const { name, sql, ir } of views) {
    const columns = ir.query.kind === 'select' ? ir.query.select.map((output) => `"${output.name}"`) : ['*']
    const table = `SELECT ${columns.join(', ')} FROM derived.${name}`
    const rows = await db.query<{ row: unknown }>(
      `SELECT to_json(d) AS row FROM ((SELECT 'lacks' AS what, l.* FROM ((${sql}) EXCEPT ALL (${table})) l) UNION ALL
       (SELECT 'has' AS what, h.* FROM ((${table}) EXCEPT ALL (${sql})) h)) d`,
    )
    found.push(...rows.map(({ row }) => [name, row]))
  }
  return found
}

/** Fails unless every derived table of the example equals its view's SQL now. */
export async function expectDerived(db: Pick<TestDatabase, 'query'>): Promise<void> {
  expect(await derivedDifferences(db)).toEqual([])
}

/** A client in the form of a test's database. */
export function queryable(client: pg.Client): Pick<TestDatabase, 'query'> {
  return {
    query: async <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) =>
      (await client.query<Row>(sql, values)).rows,
  }
}

/** Fails unless the derived `user_spend` of another database equals what the visits say now. */
export async function expectSpendElsewhere(
  source: Pick<TestDatabase, 'query'>,
  target: Pick<TestDatabase, 'query'>,
): Promise<void> {
  const spent = await source.query(
    'SELECT user_id AS id, count(*)::int AS visits, sum(amount_spent)::text AS spent FROM visit GROUP BY 1 ORDER BY 1',
  )
  expect(
    await target.query(
      'SELECT id, visits::int, spent::text FROM derived.user_spend WHERE visits > 0 ORDER BY 1',
    ),
  ).toEqual(spent)
}

/** What a reader of derived tables saw, look after look. */
export interface Readings {
  readonly looks: number
  /** Whatever no reader may see: tables of different positions, tables without rows, positions that go back. */
  readonly wrong: readonly string[]
  /** The longest time without a new position, in milliseconds. */
  readonly longestMs: number
}

/**
 * Reads the derived tables of the example again and again, as an application does, each time in one snapshot. They must have rows
 * when it begins.
 */
export async function startReader(
  db: TestDatabase,
  { mayGoBack = false } = {},
): Promise<{ stop(): Promise<Readings> }> {
  const client = await db.connect()
  const wrong: string[] = []
  let looks = 0
  let last = 0n
  let longestMs = 0
  let sinceMs = performance.now()
  let isStopped = false
  const look = async (): Promise<void> => {
    const { rows } = await client.query<Record<'total' | 'restaurants' | 'users' | 'count' | 'at', string>>(
      `SELECT (SELECT visits FROM derived.grand_total)::text AS total, (SELECT sum(visits) FROM derived.restaurant_rating)::text AS restaurants,
         (SELECT sum(visits) FROM derived.user_spend)::text AS users, (SELECT count(*) FROM derived.user_spend)::text AS count,
         (SELECT coalesce(lsn - '0/0', 0) FROM dbsync.checkpoint)::text AS at`,
    )
    const [seen] = rows
    looks += 1
    if (seen === undefined) return
    const { total, restaurants, users, count } = seen
    if (total !== restaurants || total !== users) wrong.push(`visits: ${total}, ${restaurants}, ${users}`)
    if (Number(count) === 0) wrong.push('no rows')
    const at = BigInt(seen.at)
    if (at < last && !mayGoBack) wrong.push(`the position goes back by ${last - at}`)
    if (at !== last) {
      longestMs = Math.max(longestMs, performance.now() - sinceMs)
      sinceMs = performance.now()
    }
    last = at
  }
  const work = (async () => {
    while (!isStopped) {
      await look()
      await new Promise((done) => setTimeout(done, 5))
    }
  })()
  return {
    async stop() {
      isStopped = true
      await work
      await client.end()
      return { looks, wrong, longestMs }
    },
  }
}
