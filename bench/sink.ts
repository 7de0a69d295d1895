import { setTimeout as sleep } from 'node:timers/promises'
import { loadavg } from 'node:os'
import { userSpend } from '../examples/views.ts'
import { prepareTables, PUBLICATION } from './backlog.ts'
import { median, type Bench, type Round } from './bench.ts'
import { buildChildren, Child } from './child.ts'
import { benchServer, type BenchServer } from './server.ts'

/** How many rows a transaction of the peer writes. */
const PEER_BATCH = 1_000

/** Changes of a view's rows per second into its derived table, each of a transaction of the source's own. */
export const sink: Bench = {
  name: 'sink',
  what: 'view-row changes/s into a derived table with its checkpoint, from the stream on, the table verified',
  unit: 'rows/s',
  goal: { ratio: 5, better: 'higher' },
  async run({ quick, log }) {
    const users = quick ? 20_000 : 100_000
    const count = quick ? 3 : 5
    log('compiling')
    await buildChildren()
    log('starting a server')
    await using server = await benchServer()
    await prepareTables(server, { users, restaurants: 1_000 })
    await server.query(
      `INSERT INTO visit SELECT i, 'r' || i % 1000, 1, 3 FROM generate_series(1, ${users}) i; ANALYZE visit`,
    )
    await using ours = new Child('store-side', [server.url, PUBLICATION, userSpend.name])
    await ours.reaches('live')
    await server.query(`CREATE TABLE peer_spend (LIKE derived.user_spend INCLUDING ALL);
      INSERT INTO peer_spend SELECT * FROM derived.user_spend; CREATE TABLE peer_checkpoint (at bigint); INSERT INTO peer_checkpoint VALUES (0)`)
    const rounds: Round[] = []
    const batches: number[] = []
    for (let index = 0; index < count; index += 1) {
      const [load = 0] = loadavg()
      ours.suspend()
      const end = await writeBacklog(server, users, index)
      const run = await drainOurs(server, ours, end)
      batches.push(run.batches)
      const peer = await writeByOne(server, PEER_BATCH, 0)
      rounds.push({ ours: users / run.seconds, peer, load })
      log(
        `round ${index + 1} of ${count}: ours ${Math.round(users / run.seconds)}, peer ${Math.round(peer)} rows/s`,
      )
    }
    const alone = await writeByOne(server, 1, quick ? 1_000 : 4_000)
    return {
      peer: `the same rows, known beforehand, by one prepared upsert each, ${PEER_BATCH} in a transaction with a checkpoint`,
      rounds,
      notes: [
        `${users} transactions of one row each, each of which changes another row of the view; ours reads them from the stream, keeps the ` +
          `view and writes; equal to the view's SQL after each round`,
        `in ${median(batches)} transactions (median), each with the checkpoint by compare-and-set`,
        `a transaction for each row instead: the peer writes ${Math.round(alone)} rows/s`,
        `aim: 20 000 rows/s on 2 cores; PostgreSQL ${server.version}, Node ${process.versions.node}`,
      ],
    }
  },
}

/** A transaction for each user's visit. Returns the position after them. */
async function writeBacklog(server: BenchServer, users: number, round: number): Promise<string> {
  await server.query('SET session_replication_role = replica; SET synchronous_commit = off')
  await server.query(`
    DO $$ BEGIN
      FOR n IN 1..${users} LOOP
        UPDATE visit SET amount_spent = ${round + 2} + n % 100 WHERE user_id = n;
        COMMIT;
      END LOOP;
    END $$`)
  await server.query('RESET session_replication_role; RESET synchronous_commit')
  const [row] = await server.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  if (row === undefined) throw new Error('the server told no position')
  await server.query('CHECKPOINT')
  return row.lsn
}

/** Lets the sync go through the backlog; until its checkpoint is at the end. */
async function drainOurs(
  server: BenchServer,
  ours: Child,
  end: string,
): Promise<{ readonly seconds: number; readonly batches: number }> {
  const xid = async (): Promise<number> =>
    Number(
      (await server.query<{ x: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS x'))[0]?.x,
    )
  const before = await xid()
  const startMs = performance.now()
  ours.resume()
  for (;;) {
    const rows = await server.query('SELECT 1 FROM dbsync.checkpoint WHERE lsn >= $1::pg_lsn', [end])
    if (rows.length > 0) break
    if (performance.now() - startMs > 120_000)
      throw new Error('the derived table does not come to the end of the backlog')
    await sleep(5)
  }
  const seconds = (performance.now() - startMs) / 1000
  const batches = (await xid()) - before
  const columns = 'id, visits, spent, best'
  const [row] = await server.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM ((SELECT ${columns} FROM derived.user_spend) EXCEPT ALL (SELECT ${columns} FROM (${userSpend.sql}) v)) d`,
  )
  if (row?.n !== 0) throw new Error(`${row?.n} rows of the derived table differ from the view's SQL`)
  return { seconds, batches }
}

async function writeByOne(server: BenchServer, perTransaction: number, limit: number): Promise<number> {
  await server.query('CHECKPOINT')
  await using peer = new Child('upsert-side', [
    server.url,
    userSpend.sql,
    'peer_spend',
    String(perTransaction),
    String(limit),
  ])
  const { perSecond = 0 } = await peer.figures()
  await peer.ended()
  return perSecond
}
