import { loadavg } from 'node:os'
import type { Bench } from './bench.ts'
import { Child, buildChildren } from './child.ts'
import { benchServer } from './server.ts'

const UPDATES = 10
const BUDGET_BYTES = 256 * 1024 * 1024

/** Peak memory over base while one huge transaction goes through views and a handler. */
export const large: Bench = {
  name: 'large',
  what: 'peak resident memory over base, MB, while one transaction of 10 M row changes goes into three views and a handler',
  unit: 'MB',
  goal: { ratio: 1, better: 'lower' },
  async run({ quick, log }) {
    const visits = quick ? 100_000 : 1_000_000
    const [users, restaurants] = quick ? [10_000, 1_000] : [100_000, 10_000]
    log('compiling')
    await buildChildren()
    log('starting a server')
    await using server = await benchServer()
    await server.query(`
      INSERT INTO users (id, first_name, user_name, email)
        SELECT i, 'First ' || i, 'user' || i, 'user' || i || '@example.com' FROM generate_series(1, ${users}) i;
      INSERT INTO restaurant (id, name) SELECT 'r' || i, 'Restaurant ' || i FROM generate_series(0, ${restaurants - 1}) i;
      SET session_replication_role = replica;
      INSERT INTO visit SELECT i % ${users} + 1, 'r' || (i::int8 * 7919 + i / ${users}) % ${restaurants}, i % 9973 / 100.0, nullif(i % 6, 0)
        FROM generate_series(0, ${visits - 1}) i;
      ANALYZE`)
    const [load = 0] = loadavg()
    const changes = visits * UPDATES
    await using child = new Child('large-side', [server.url, String(changes)])
    await child.reaches('live')
    log(`writing one transaction of ${changes} row changes`)
    const update =
      'UPDATE visit SET amount_spent = amount_spent + 0.01, visit_rating = 1 + coalesce(visit_rating, 0) % 5'
    const startMs = performance.now()
    await server.query(`BEGIN; ${Array.from({ length: UPDATES }, () => update).join('; ')}; COMMIT`)
    const written = performance.now()
    log(`written in ${((written - startMs) / 1000).toFixed(1)} s`)
    const run = await child.run()
    const throughMs = performance.now() - written
    await child.ended()
    const base = run.baseRssBytes ?? 0
    return {
      peer: 'the budget',
      rounds: [{ ours: (run.maxRssBytes - base) / 1e6, peer: BUDGET_BYTES / 1e6, load }],
      notes: [
        `one transaction of ${changes} row changes (${visits} visits updated ${UPDATES} times), PostgreSQL ${server.version}, Node ${process.versions.node}`,
        `base, with the tables read: ${(base / 1e6).toFixed(0)} MB; peak ${(run.maxRssBytes / 1e6).toFixed(0)} MB`,
        `${(throughMs / 1000).toFixed(0)} s from the commit until views and handler were through, ` +
          `${Math.round((changes / throughMs) * 1000).toLocaleString('en-US')} row changes/s`,
        'three views over 3 tables, equal to their SQL at the end',
      ],
    }
  },
}
