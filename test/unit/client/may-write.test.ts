import { expect, test } from 'vitest'
import { mayWrite } from '../../../src/client/may-write.ts'
import { testDatabase } from '../../support/database.ts'

const READS = [
  'SELECT 1',
  '  select * from "restaurant" where "name" = $1 limit $2 offset $3',
  `SELECT COUNT(*) AS "_count$_all" FROM (SELECT "public"."restaurant"."id" FROM "public"."restaurant" WHERE 1=1) AS "sub"`,
  `SELECT "r"."id" FROM "restaurant" AS "r" WHERE ("r"."name" ILIKE ('%' || 'a' || '%') AND EXISTS(SELECT 1 FROM "visit" AS "t0" WHERE ("t0"."restaurant_id") = ("r"."id")))`,
  `SELECT COALESCE(JSONB_AGG("x"), '[]') FROM (SELECT JSONB_BUILD_OBJECT('id', "id") AS "x" FROM "restaurant") AS "t"`,
  'WITH found AS (SELECT id FROM restaurant) SELECT * FROM found',
  '(SELECT id FROM restaurant) UNION (SELECT name FROM restaurant)',
  "SELECT 'INSERT', 'it''s; DELETE', \"name\" -- UPDATE\n FROM /* MERGE INTO */ restaurant",
  'VALUES (1), (2)',
  'TABLE restaurant',
  'SHOW server_version',
  'SELECT 1.5e3, name::varchar(10) FROM restaurant /* traceparent=00-x-01 */',
]

const WRITES = [
  "INSERT INTO restaurant (id, name, tags) VALUES ('w1', 'x', '{}') RETURNING id",
  "/* first */ UPDATE restaurant SET name = 'y'",
  'DELETE FROM visit',
  "WITH made AS (INSERT INTO restaurant (id, name, tags) VALUES ('w2', 'x', '{}') RETURNING id) SELECT id FROM made",
  'WITH gone AS (DELETE FROM visit RETURNING 1) SELECT count(*) FROM gone',
  'SELECT id INTO other FROM restaurant',
  'SELECT rename(name) FROM restaurant',
  'SELECT "rename"(name) FROM restaurant',
  'SELECT rename (name) FROM restaurant',
  'SELECT rename/**/(name) FROM restaurant',
  'SELECT other.count(name) FROM restaurant',
  'SELECT other . "count" (name) FROM restaurant',
  'EXPLAIN ANALYZE UPDATE restaurant SET name = name',
  "DO $$ BEGIN UPDATE restaurant SET name = 'z'; END $$",
  'CREATE TABLE made (id int)',
  'SELECT pg_current_xact_id()',
  "SELECT 1; UPDATE restaurant SET name = 'q'",
  // What is not understood may write.
  "SELECT E'\\'', name, rename(name), E'\\'' FROM restaurant",
  "SELECT $x$ ' $x$, rename(name), $x$ ' $x$ FROM restaurant",
  "SELECT 1 /* /* ' */ */, rename(name), '' FROM restaurant --'",
  "SELECT 1 -- '\r, rename(name) --' \n FROM restaurant",
  'SELECT name FROM restaurant FOR UPDATE',
]

test('a statement that reads is told from one that may write', () => {
  expect(READS.filter((sql) => mayWrite(sql))).toEqual([])
  expect(WRITES.filter((sql) => !mayWrite(sql))).toEqual([])
  expect(['BEGIN', 'SAVEPOINT a', 'ROLLBACK TO SAVEPOINT a', 'SET LOCAL x = 1', ''].filter(mayWrite)).toEqual(
    [],
  )
  expect(
    ['COMMIT PREPARED $1', 'ROLLBACK PREPARED $1', "SELECT 'a", 'SELECT "a', 'CALL f()'].filter(
      (sql) => !mayWrite(sql),
    ),
  ).toEqual([])
})

test('the server gives transaction ids to none of those that read, and to all of those that write', async () => {
  await using db = await testDatabase()
  await db.query(`INSERT INTO restaurant (id, name, tags) VALUES ('r1', 'x', '{}'); CREATE SCHEMA other;
    INSERT INTO users (id, first_name, user_name, email) VALUES (1, 'a', 'a', 'a'); INSERT INTO visit VALUES (1, 'r1', 1, 1);
    CREATE FUNCTION rename(text) RETURNS text LANGUAGE sql AS 'UPDATE restaurant SET name = $1 RETURNING name';
    CREATE FUNCTION other.count(text) RETURNS text LANGUAGE sql AS 'UPDATE public.restaurant SET name = $1 RETURNING name'`)
  const writes = async (sql: string): Promise<boolean> => {
    await db.query('BEGIN')
    await db.query(sql.replace('= $1', "= ''").replace('limit $2 offset $3', ''))
    const [row] = await db.query<{ x: string | null }>('SELECT pg_current_xact_id_if_assigned()::text AS x')
    await db.query('ROLLBACK')
    return row?.x != null
  }
  for (const sql of READS) expect([sql, await writes(sql)]).toEqual([sql, false])
  for (const sql of WRITES) expect([sql, await writes(sql)]).toEqual([sql, true])
})
