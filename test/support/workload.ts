import type pg from 'pg'
import type { TestDatabase } from './database.ts'

/** A small deterministic generator: the same seed, the same history. */
export function randomSource(seed: number): (bound: number) => number {
  let state = seed >>> 0 || 1
  return (bound) => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % bound
  }
}

/** Fills the running example's tables. */
export async function seedExample(
  client: pg.ClientBase,
  size: { readonly users: number; readonly restaurants: number; readonly visits: number },
): Promise<void> {
  await client.query(`
    INSERT INTO users (first_name, user_name, email, interests)
    SELECT 'Ünal ' || i, 'user' || i, 'user' || i || '@example.org', ARRAY['tea', 'a,b']
    FROM generate_series(1, ${size.users}) i;
    INSERT INTO restaurant (id, name, description, tags)
    SELECT 'r' || i, 'Café ' || i, repeat('long ', i % 700), '{}' FROM generate_series(1, ${size.restaurants}) i;
    INSERT INTO visit (user_id, restaurant_id, amount_spent, visit_rating)
    SELECT 1 + i % ${size.users}, 'r' || (1 + i / ${size.users} % ${size.restaurants}),
           (i % 9000) / 100.0 - 10, CASE WHEN i % 7 = 0 THEN NULL ELSE 1 + i % 5 END
    FROM generate_series(0, ${Math.min(size.visits, size.users * size.restaurants)} - 1) i;
    ANALYZE`)
}

/** Fills a database's tables with so many visits of 60 users at 40 restaurants. */
export async function seedVisits(db: TestDatabase, visits = 2_000): Promise<void> {
  const client = await db.connect()
  await seedExample(client, { users: 60, restaurants: 40, visits })
  await client.end()
}

/** One random transaction on the example's tables: several statements, moves of keys, now and then a rollback. */
export async function randomTransaction(
  client: pg.ClientBase,
  random: (bound: number) => number,
): Promise<void> {
  const statements = 1 + random(4)
  await client.query('BEGIN')
  try {
    for (let index = 0; index < statements; index += 1) await randomStatement(client, random)
    await client.query(random(10) === 0 ? 'ROLLBACK' : 'COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    // Anything else is a mistake.
    if (!isCollision(error)) throw error
  }
}

/** Whether it is what random writers meet: unique keys, missing parents, deadlocks. */
export function isCollision(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : null
  return ['23505', '23503', '40P01', '40001', '55P03'].includes(String(code))
}

/** One statement of such a transaction. Throws: what the server says where it collides with others. */
export async function randomStatement(
  client: pg.ClientBase,
  random: (bound: number) => number,
): Promise<void> {
  const user = 1 + random(60)
  const restaurant = `r${1 + random(40)}`
  const amount = (random(20_000) / 100 - 50).toFixed(2)
  const rating = random(4) === 0 ? null : 1 + random(5)
  switch (random(12)) {
    case 0:
    case 1:
    case 2:
      await client.query(
        `INSERT INTO visit VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, restaurant_id) DO UPDATE SET amount_spent = excluded.amount_spent`,
        [user, restaurant, amount, rating],
      )
      return
    case 3:
    case 4:
      await client.query('UPDATE visit SET visit_rating = $2 WHERE user_id = $1', [user, rating])
      return
    case 5:
      await client.query('DELETE FROM visit WHERE user_id = $1 AND restaurant_id = $2', [user, restaurant])
      return
    case 6:
      await client.query('UPDATE visit SET restaurant_id = $2 WHERE user_id = $1 AND restaurant_id = $3', [
        user,
        `r${1 + random(40)}`,
        restaurant,
      ])
      return
    case 7:
      await client.query('UPDATE restaurant SET name = $2 WHERE id = $1', [restaurant, `Néw ${random(5)}`])
      return
    case 8:
      await client.query('UPDATE restaurant SET id = $2 WHERE id = $1', [restaurant, `r${1 + random(60)}`])
      return
    case 9:
      await client.query("INSERT INTO restaurant (id, name) VALUES ($1, 'Born') ON CONFLICT DO NOTHING", [
        restaurant,
      ])
      return
    case 10:
      await client.query('SAVEPOINT s; DELETE FROM visit WHERE user_id = ' + String(user) + '; ROLLBACK TO s')
      return
    default:
      await client.query(
        "INSERT INTO users (first_name, user_name, email) VALUES ('New', 'new', $1) ON CONFLICT DO NOTHING",
        [`new${random(1_000_000)}@example.org`],
      )
  }
}

/** Writers that go on until stopped, each on its own connection. */
export function startWriters(
  clients: readonly pg.ClientBase[],
  seed: number,
): { readonly stop: () => Promise<number> } {
  let isStopped = false
  let count = 0
  let failure: unknown = null
  const work = clients.map(async (client, index) => {
    const random = randomSource(seed + index * 7919)
    try {
      while (!isStopped) {
        await randomTransaction(client, random)
        count += 1
      }
    } catch (error) {
      failure = error
    }
  })
  return {
    async stop() {
      isStopped = true
      await Promise.all(work)
      if (failure !== null) throw failure
      return count
    },
  }
}
