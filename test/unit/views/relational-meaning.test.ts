import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { DDL } from '../../types/fixture.ts'
import { insertData, relationalData } from './relational-data.ts'
import { RELATIONAL } from './relational-views.ts'

/** The same queries, as somebody who knows SQL and not the builder writes them. */
const BY_HAND: Readonly<Record<string, string>> = {
  over_a_view: `SELECT r.id, r.name, (SELECT sum(amount_spent) FROM visit v WHERE v.restaurant_id = r.id) AS spent FROM restaurant r`,
  over_a_query: `SELECT restaurant_id AS place, 1::bigint AS most, count(*) AS "all" FROM visit GROUP BY restaurant_id`,
  self_join: `SELECT a.restaurant_id AS place, a.user_id AS first, b.user_id AS second
    FROM visit a, visit b WHERE a.restaurant_id = b.restaurant_id AND a.user_id < b.user_id`,
  right_join: `SELECT r.id, v.user_id AS "user", v.restaurant_id AS restaurant, v.amount_spent AS spent
    FROM restaurant r LEFT JOIN visit v ON v.restaurant_id = r.id AND v.visit_rating > 2`,
  full_join: `SELECT r.id AS restaurant, u.id AS "user", r.name FROM restaurant r LEFT JOIN users u ON r.rating = u.id AND u.active AND r.name > u.user_name
    UNION ALL SELECT NULL, u.id, NULL FROM users u
      WHERE NOT EXISTS (SELECT FROM restaurant r WHERE r.rating = u.id AND u.active AND r.name > u.user_name)`,
  semi_and_anti: `SELECT id, name FROM restaurant WHERE rating IS NOT NULL
    AND id IN (SELECT restaurant_id FROM visit WHERE visit_rating > 3)
    AND id NOT IN (SELECT restaurant_id FROM visit WHERE visit_rating < 2)`,
  in_a_query: `SELECT id FROM users WHERE active AND id IN (SELECT user_id FROM visit WHERE visit_rating > 4)`,
  having: `SELECT id, best FROM (SELECT restaurant_id AS id, max(visit_rating) AS best, count(*) AS n, sum(amount_spent) AS spent
    FROM visit GROUP BY 1) t WHERE n > 2 AND spent > 10 AND id > 'r'`,
  distinct: `SELECT restaurant_id AS place, visit_rating AS stars FROM visit GROUP BY 1, 2`,
  distinct_first: `SELECT restaurant_id AS place, visit_rating AS stars FROM visit GROUP BY 1, 2
    ORDER BY 2 DESC NULLS FIRST, 1 LIMIT 5`,
  union: `SELECT DISTINCT * FROM (SELECT id, rating AS stars FROM restaurant UNION ALL SELECT restaurant_id, visit_rating FROM visit) t`,
  union_all: `SELECT user_name AS name FROM users UNION ALL SELECT name FROM restaurant`,
  intersect: `SELECT id FROM restaurant WHERE id IN (SELECT restaurant_id FROM visit)`,
  except: `SELECT id FROM restaurant WHERE id NOT IN
    (SELECT id FROM (SELECT restaurant_id AS id FROM visit UNION SELECT user_name FROM users) t ORDER BY 1 LIMIT 3)`,
  top: `SELECT * FROM (SELECT restaurant_id AS id, count(*) AS visits, sum(amount_spent) AS spent FROM visit GROUP BY 1) t
    ORDER BY visits DESC, id LIMIT 3 OFFSET 1`,
  top_of_each: `SELECT v.restaurant_id AS place, v.user_id AS "user", r.name, v.amount_spent AS "#"
    FROM visit v JOIN restaurant r ON r.id = v.restaurant_id
    WHERE (SELECT count(*) FROM visit w WHERE w.restaurant_id = v.restaurant_id
      AND (w.amount_spent > v.amount_spent OR w.amount_spent = v.amount_spent AND w.user_id < v.user_id)) IN (1, 2)`,
  top_of_each_distinct: `SELECT DISTINCT v.restaurant_id AS place, v.visit_rating AS stars FROM visit v
    WHERE (SELECT count(DISTINCT coalesce(w.visit_rating, 99)) FROM visit w WHERE w.restaurant_id = v.restaurant_id
      AND coalesce(w.visit_rating, 99) > coalesce(v.visit_rating, 99)) < 2`,
  left_join_and_more: `SELECT r.id, v.user_id AS "user", u.user_name AS known FROM restaurant r
    LEFT JOIN visit v ON v.restaurant_id = r.id AND v.visit_rating > 1 AND r.rating IS NOT NULL
    LEFT JOIN users u ON u.id = v.user_id AND u.id = r.rating`,
  exists_in_a_query: `SELECT u.id, v.restaurant_id AS place FROM users u LEFT JOIN visit v ON v.user_id = u.id
    WHERE v.visit_rating = (SELECT max(visit_rating) FROM visit w WHERE w.user_id = u.id HAVING count(*) > 1)
      AND v.visit_rating IS DISTINCT FROM (SELECT rating FROM restaurant r WHERE r.id = v.restaurant_id)`,
  set_of_sets: `SELECT id FROM restaurant WHERE id NOT IN (SELECT restaurant_id FROM visit)
    UNION ALL SELECT id FROM restaurant WHERE id IN (SELECT restaurant_id FROM visit)
    UNION ALL SELECT id FROM restaurant UNION ALL SELECT restaurant_id FROM visit`,
}

test('the SQL of a view means what the same query by hand means', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  const answer = async (sql: string) =>
    (await db.query<Record<string, unknown>>(sql)).map((row) => JSON.stringify(row)).toSorted()
  const views = RELATIONAL.filter(({ name }) => name in BY_HAND)
  expect(views.map(({ name }) => name)).toEqual(Object.keys(BY_HAND))
  await fc.assert(
    fc.asyncProperty(relationalData, async (data) => {
      await db.query(insertData(data))
      for (const { name, sql } of views) {
        expect({ name, rows: await answer(sql) }).toEqual({ name, rows: await answer(BY_HAND[name] ?? '') })
      }
    }),
    { numRuns: 20 },
  )
})
