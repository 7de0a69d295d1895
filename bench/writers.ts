import { setTimeout as sleep } from 'node:timers/promises'
import { loadavg } from 'node:os'
import { restaurantRating } from '../examples/views.ts'
import { prepareTables, PUBLICATION } from './backlog.ts'
import { median, type Bench, type Round } from './bench.ts'
import { buildChildren, Child } from './child.ts'
import { benchServer, type BenchServer } from './server.ts'

const USERS = 8_000
const CONNECTIONS = 8

/** How fast an application writes into one group, while the group's aggregates are kept. */
export const writers: Bench = {
  name: 'writers',
  what: 'transactions/s of an application on one hot group, whose aggregates are kept in a table, verified',
  unit: 'transactions/s',
  goal: { ratio: 2, better: 'higher' },
  async run({ quick, log }) {
    const runMs = quick ? 2_500 : 8_000
    const count = quick ? 3 : 5
    log('compiling')
    await buildChildren()
    log('starting a server')
    await using server = await benchServer()
    await prepareTables(server, { users: USERS, restaurants: 200 })
    await server.query(
      `INSERT INTO visit SELECT i, 'r0', 1, 3 FROM generate_series(1, ${USERS}) i; ANALYZE visit; ${TRIGGER}`,
    )
    const rounds: Round[] = []
    const alone: number[] = []
    const lags: number[] = []
    for (let index = 0; index < count; index += 1) {
      const [load = 0] = loadavg()
      alone.push(await write(server, runMs / 2))
      const ours = await writeBesideSync(server, runMs)
      lags.push(ours.lagMs)
      const peer = await writeWithTrigger(server, runMs)
      rounds.push({ ours: ours.perSecond, peer, load })
      log(
        `round ${index + 1} of ${count}: ours ${Math.round(ours.perSecond)}, peer ${Math.round(peer)} a second`,
      )
    }
    return {
      peer: 'a row trigger that keeps count, sums and the parts of the average of each restaurant in a table',
      rounds,
      notes: [
        `${CONNECTIONS} connections, each updating other visits of one restaurant, one row a transaction`,
        `with nothing kept: ${Math.round(median(alone))} transactions/s; ours shares the machine's cores with the application`,
        `the derived table was at the last transaction ${Math.round(median(lags))} ms after it (median), and equal to the view's SQL`,
        `PostgreSQL ${server.version}, Node ${process.versions.node}`,
      ],
    }
  },
}

/** As one writes it by hand; switched on for the peer's turns alone. */
const TRIGGER = `
  CREATE TABLE rating_by_trigger (id varchar(255) PRIMARY KEY, visits int8 NOT NULL, rated int8 NOT NULL, ratings numeric NOT NULL, spent numeric NOT NULL);
  CREATE FUNCTION keep_rating() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP <> 'INSERT' THEN
      UPDATE rating_by_trigger SET visits = visits - 1, rated = rated - (old.visit_rating IS NOT NULL)::int,
        ratings = ratings - coalesce(old.visit_rating, 0), spent = spent - old.amount_spent WHERE id = old.restaurant_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
      UPDATE rating_by_trigger SET visits = visits + 1, rated = rated + (new.visit_rating IS NOT NULL)::int,
        ratings = ratings + coalesce(new.visit_rating, 0), spent = spent + new.amount_spent WHERE id = new.restaurant_id;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER keep_rating AFTER INSERT OR UPDATE OR DELETE ON visit FOR EACH ROW EXECUTE FUNCTION keep_rating();
  ALTER TABLE visit DISABLE TRIGGER keep_rating`

async function write(server: BenchServer, milliseconds: number): Promise<number> {
  await server.query('VACUUM visit')
  await server.query('CHECKPOINT')
  await using writer = new Child('hot-writer-side', [
    server.url,
    String(USERS),
    String(milliseconds),
    String(CONNECTIONS),
  ])
  const { perSecond = 0 } = await writer.figures()
  await writer.ended()
  return perSecond
}

async function writeBesideSync(
  server: BenchServer,
  milliseconds: number,
): Promise<{ readonly perSecond: number; readonly lagMs: number }> {
  await using ours = new Child('store-side', [server.url, PUBLICATION, restaurantRating.name])
  await ours.reaches('live')
  const perSecond = await write(server, milliseconds)
  const endMs = performance.now()
  for (;;) {
    if ((await differences(server, restaurantRating.sql, 'derived.restaurant_rating', OURS)) === 0) break
    if (performance.now() - endMs > 60_000)
      throw new Error("the derived table does not become what the view's SQL says")
    await sleep(5)
  }
  return { perSecond, lagMs: performance.now() - endMs }
}

const OURS = 'id, visits, rating, spent'

async function writeWithTrigger(server: BenchServer, milliseconds: number): Promise<number> {
  const now = `SELECT r.id, count(v.user_id) AS visits, count(v.visit_rating) AS rated, coalesce(sum(v.visit_rating), 0) AS ratings,
    coalesce(sum(v.amount_spent), 0) AS spent FROM restaurant r LEFT JOIN visit v ON v.restaurant_id = r.id GROUP BY r.id`
  await server.query(
    `TRUNCATE rating_by_trigger; INSERT INTO rating_by_trigger ${now}; ALTER TABLE visit ENABLE TRIGGER keep_rating`,
  )
  const perSecond = await write(server, milliseconds)
  await server.query('ALTER TABLE visit DISABLE TRIGGER keep_rating')
  const wrong = await differences(server, now, 'rating_by_trigger', 'id, visits, rated, ratings, spent')
  if (wrong !== 0) throw new Error(`${wrong} rows that the trigger keeps are not what a query says`)
  return perSecond
}

async function differences(
  server: BenchServer,
  sql: string,
  table: string,
  columns: string,
): Promise<number> {
  const [row] = await server.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM ((SELECT ${columns} FROM (${sql}) v) EXCEPT ALL (SELECT ${columns} FROM ${table})) d`,
  )
  return row?.n ?? -1
}
