import type pg from 'pg'
import type { DemoOptions } from './options.ts'

const KINDS = ['Café', 'Trattoria', 'Bistro', 'Smørrebrød', 'Бистро', 'Ταβέρνα', '寿司', 'Gasthaus zur']
const OWNERS = [
  'Zoë',
  'Però',
  'Łucja',
  'Åsa',
  'Пушкин',
  'Ωmega',
  'さくら',
  'Schönen Aussicht',
  'José',
  'Nguyễn',
]
const FIRST_NAMES = ['Ada', 'Björn', 'Chloé', 'Дарья', 'Emre', 'Françoise', '花子', 'İpek', 'Jürgen', 'Μαρία']

/** Restaurants of these numbers are the favourites: they start at the top and get most of the writers' visits. */
export const FAVOURITES = 14

/**
 * Fills the empty tables on the server, the same each time: some visits without a rating, names of many alphabets,
 * a few restaurants without any visit.
 */
export async function seed(client: pg.ClientBase, options: DemoOptions): Promise<void> {
  const { users, restaurants, visits } = options
  await client.query('BEGIN')
  await client.query('SELECT setseed(0.5)')
  await client.query(
    `INSERT INTO users (id, first_name, user_name, email, interests)
     SELECT n, names[1 + n % array_length(names, 1)], 'user' || n, 'user' || n || '@example.com', ARRAY['food']
     FROM generate_series(1, $2::int) AS n, (SELECT $1::text[] AS names) AS list`,
    [FIRST_NAMES, users],
  )
  await client.query(`SELECT setval(pg_get_serial_sequence('users', 'id'), $1)`, [users])
  await client.query(
    `INSERT INTO restaurant (id, name, rating, tags)
     SELECT 'r' || n, kinds[1 + n % array_length(kinds, 1)] || ' ' || owners[1 + n / 7 % array_length(owners, 1)],
       nullif(n % 6, 0), ARRAY['open']
     FROM generate_series(1, $3::int) AS n, (SELECT $1::text[] AS kinds, $2::text[] AS owners) AS list`,
    [KINDS, OWNERS, restaurants],
  )
  // 37 and the number of restaurants have no common divisor, so no user visits one twice.
  await client.query(
    `INSERT INTO visit (user_id, restaurant_id, amount_spent, visit_rating)
     SELECT user_id, 'r' || n, 3 + floor(random() * 9000)::numeric / 100,
       CASE WHEN random() < 0.125 THEN NULL
       ELSE greatest(1, least(5, round(quality(n) + (random() - 0.5) * 3)))::int END
     FROM (SELECT 1 + i % $1 AS user_id, 1 + (i % $1 * 7 + i / $1 * 37) % $2 AS n
           FROM generate_series(0, $3::int - 1) AS i) AS pairs`.replace(
      'quality(n)',
      `(CASE WHEN n <= ${FAVOURITES} THEN 4.4 ELSE 2.2 + 2 * (n * 0.618034 - floor(n * 0.618034)) END)`,
    ),
    [users, restaurants, visits],
  )
  await client.query('COMMIT')
  // The planner's estimate is what the progress bar goes by.
  await client.query('ANALYZE users, restaurant, visit')
}
