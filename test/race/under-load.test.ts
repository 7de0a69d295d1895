import { createSync, defineView, sum } from 'prisma-dbsync'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schema, Visit } from '../../generated/dbsync/index.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { TextbookConsumer } from '../support/textbook-consumer.ts'

const WRITERS = 16
const USERS = 8_000
const SECONDS = process.env['SOAK'] === '1' ? 60 : 8
/** A slow machine gets longer until both sides have had their chances. */
const MAX_SECONDS = SECONDS + 60
const MIN_READINGS = 8
const MIN_STALE = 5

let server: OwnServer

beforeAll(async () => {
  // Commits are flushed together, so that several of them wait for the processor at once, in the WAL and not yet visible.
  server = await startEmbedded(['-c', 'commit_delay=500', '-c', 'commit_siblings=2'])
})

afterAll(async () => {
  await server.stop()
})

const visitCounter = defineView('visit_counter', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.userId])
    .select(({ v }) => ({ userId: v.userId, counter: sum(v.visitRating) })),
)

/**
 * Writers that count up one visit in each transaction, in the order of the keys, each round one more. They run inside the
 * server, so that the load is there whatever this process does.
 */
async function startCounting(db: TestDatabase): Promise<AsyncDisposable & { stop(): Promise<void> }> {
  await db.query(`
    INSERT INTO restaurant (id, name) VALUES ('r1', 'Café');
    INSERT INTO users (id, first_name, user_name, email) SELECT i, 'a', 'a', i::text FROM generate_series(1, ${USERS}) i;
    INSERT INTO visit SELECT i, 'r1', 0, 0 FROM generate_series(1, ${USERS}) i;
    CREATE TABLE stopped ();
    CREATE SEQUENCE turn;
    CREATE PROCEDURE count_up() LANGUAGE plpgsql AS $$ DECLARE next int; BEGIN
      WHILE NOT EXISTS (SELECT FROM stopped) LOOP
        next := 1 + nextval('turn') % ${USERS};
        UPDATE visit SET visit_rating = visit_rating + 1 WHERE user_id = next;
        COMMIT;
        PERFORM pg_sleep(0.002);
      END LOOP;
    END $$;
    ANALYZE`)
  const clients = await Promise.all(Array.from({ length: WRITERS }, () => db.connect()))
  const work = clients.map((client) => client.query('CALL count_up()'))
  const stop = async (): Promise<void> => {
    await db.query('INSERT INTO stopped DEFAULT VALUES')
    await Promise.all(work)
  }
  return { stop, [Symbol.asyncDispose]: stop }
}

const readBySync = (db: TestDatabase) => createSync({ schema, connection: db.url, views: { visitCounter } })

/** How many rows of a new sync are older than what a query saw before. */
async function countStale(db: TestDatabase): Promise<number> {
  await using sync = readBySync(db)
  await sync.start()
  const seen = await db.query<{ key: number; counter: number }>(
    'SELECT user_id AS key, visit_rating AS counter FROM visit',
  )
  await sync.catchUp()
  const shown = (key: number): number => sync.views.visitCounter.get(key)?.counter ?? -1
  return seen.filter(({ key, counter }) => shown(key) < counter).length
}

test('no row is ever stale while 16 writers commit, and the textbook merge beside it goes wrong', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  await using writers = await startCounting(db)
  await db.query('CREATE PUBLICATION dbsync FOR TABLE visit')
  await using textbook = await TextbookConsumer.open(db, 'dbsync')
  const startMs = performance.now()
  let readings = 0
  let staleRows = 0
  const isOver = (): boolean => {
    const seconds = (performance.now() - startMs) / 1000
    if (seconds > MAX_SECONDS) return true
    return seconds > SECONDS && readings >= MIN_READINGS && textbook.staleRows >= MIN_STALE
  }
  const reading = async (): Promise<void> => {
    for (; !isOver(); readings += 1) staleRows += await countStale(db)
  }
  const refreshing = async (): Promise<void> => {
    while (!isOver()) await textbook.refresh()
  }
  await Promise.all([reading(), refreshing()])
  expect(staleRows).toBe(0)
  expect(readings).toBeGreaterThanOrEqual(MIN_READINGS)
  expect(textbook.staleRows).toBeGreaterThanOrEqual(MIN_STALE)

  // Read under load, and compared when nothing heals it any more.
  await using sync = readBySync(db)
  await sync.start()
  await writers.stop()
  await sync.catchUp()
  const differences = await compareView(visitCounter, sync.views.visitCounter.rows(), await db.connect())
  expect(differences.map(formatDifference)).toEqual([])
}, 240_000)
