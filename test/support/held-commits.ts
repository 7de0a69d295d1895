import type pg from 'pg'
import type { TestDatabase } from './database.ts'
import { sleep, until } from './faults.ts'

/*
 * A commit that waits for a synchronous standby is in the WAL, and streamed, and not visible to new snapshots. A standby
 * that does not exist holds it there for as long as a test likes. Sessions that must not wait say so. The setting is the
 * whole server's: a test that uses it needs a server of its own.
 */

/** Until it is disposed of, commits are streamed and stay invisible. */
export async function holdCommits(
  observer: pg.ClientBase,
): Promise<AsyncDisposable & { release(): Promise<void> }> {
  const reload = async (sql: string): Promise<void> => {
    await observer.query(sql)
    await observer.query('SELECT pg_reload_conf()')
  }
  await reload("ALTER SYSTEM SET synchronous_standby_names = 'nope'")
  await sleep(300)
  const release = (): Promise<void> => reload('ALTER SYSTEM RESET synchronous_standby_names')
  return { release, [Symbol.asyncDispose]: release }
}

/** A connection whose commits do not wait. */
export async function localClient(db: TestDatabase): Promise<pg.Client> {
  const client = await db.connect()
  await client.query('SET synchronous_commit = local')
  return client
}

/** Starts statements whose commit hangs, and waits until it does; resolves with the statements' own end. */
export async function hang(
  db: TestDatabase,
  observer: pg.ClientBase,
  sql: string,
): Promise<{ ended: Promise<unknown> }> {
  const waiting = async (): Promise<number> => {
    const { rows } = await observer.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    )
    return rows[0]?.n ?? 0
  }
  const client = await db.connect()
  const before = await waiting()
  const ended = client.query(sql)
  await until(async () => (await waiting()) > before)
  return { ended }
}
