import type { BenchServer } from './server.ts'

/** Where the backlog is written. */
type Database = Pick<BenchServer, 'query'>

/** How much the backlog holds. `users` is a multiple of `restaurants`, of which there are at least 200. */
export interface BacklogSize {
  readonly users: number
  readonly restaurants: number
  /** Transactions of one row each. */
  readonly commits: number
  /** Rows of the one large transaction that follows. */
  readonly largeRows: number
}

export const FULL_SIZE: BacklogSize = {
  users: 100_000,
  restaurants: 10_000,
  commits: 200_000,
  largeRows: 1_000_000,
}
export const QUICK_SIZE: BacklogSize = {
  users: 20_000,
  restaurants: 2_000,
  commits: 40_000,
  largeRows: 200_000,
}

/** A backlog that was written. */
export interface Backlog {
  /** Row changes in it. */
  readonly changes: number
  /** The position after its last commit. */
  readonly end: string
}

/** The publication whose stream both sides read. */
export const PUBLICATION = 'dbsync'

/** Fills users and restaurants, leaves visits empty, and makes the publication. */
export async function prepareTables(
  server: Database,
  { users, restaurants }: Pick<BacklogSize, 'users' | 'restaurants'>,
): Promise<void> {
  await server.query(`
    INSERT INTO users (id, first_name, user_name, email)
      SELECT i, 'First ' || i, 'user' || i, 'user' || i || '@example.com' FROM generate_series(1, ${users}) i;
    INSERT INTO restaurant (id, name) SELECT 'r' || i, 'Restaurant ' || i FROM generate_series(0, ${restaurants - 1}) i;
    ANALYZE users, restaurant;
    CREATE PUBLICATION ${PUBLICATION} FOR TABLE users, restaurant, visit WITH (publish_via_partition_root = true)`)
}

/**
 * Writes the backlog into `visit`: of ten small transactions six insert a row, three update one and one deletes one;
 * then one transaction inserts `largeRows` rows. The same size always gives the same rows.
 *
 * Foreign keys are not checked while it is written: the row locks of the checks are WAL that no client gets
 * to see, and without them the server is as fast as it can be, which is the harder case for the client.
 */
export async function writeBacklog(server: Database, size: BacklogSize): Promise<Backlog> {
  await server.query('SET session_replication_role = replica; SET synchronous_commit = off')
  await server.query(smallTransactions(size))
  await server.query(largeTransaction(size))
  const [row] = await server.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  if (row === undefined) throw new Error('the server told no position')
  // What follows carries every reader past the end, whether it looks at rows or at positions.
  await server.query("SELECT pg_logical_emit_message(true, 'bench', 'end')")
  await server.query('RESET session_replication_role; RESET synchronous_commit; CHECKPOINT')
  return { changes: size.commits + size.largeRows, end: row.lsn }
}

/** A user has the restaurants from `id * 7919` on: ten of the large transaction, and from the hundredth on the small ones'. */
function visitKey(index: string, { users, restaurants }: BacklogSize, first: number): string {
  return `(${index}) % ${users} + 1, 'r' || ((${index})::int8 * 7919 + ${first} + (${index}) / ${users}) % ${restaurants}`
}

function smallTransactions(size: BacklogSize): string {
  const key = (index: string): string => `(user_id, restaurant_id) = (${visitKey(index, size, 100)})`
  return `
    DO $$
    DECLARE
      inserted int := 0;
      deleted int := 0;
      changed int;
    BEGIN
      FOR n IN 0..${size.commits - 1} LOOP
        IF n % 10 < 6 THEN
          INSERT INTO visit VALUES (${visitKey('inserted', size, 100)}, n % 9973 / 100.0, nullif(n % 6, 0));
          inserted := inserted + 1;
        ELSIF n % 10 < 9 THEN
          UPDATE visit SET amount_spent = n % 8887 / 100.0, visit_rating = nullif(n % 6, 0)
            WHERE ${key('deleted + n::int8 * 31 % (inserted - deleted)')};
        ELSE
          DELETE FROM visit WHERE ${key('deleted')};
          deleted := deleted + 1;
        END IF;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed <> 1 THEN
          RAISE 'transaction % changed % rows', n, changed;
        END IF;
        COMMIT;
      END LOOP;
    END $$`
}

function largeTransaction(size: BacklogSize): string {
  return `INSERT INTO visit SELECT ${visitKey('i', size, 0)}, i % 9973 / 100.0, nullif(i % 6, 0)
    FROM generate_series(0, ${size.largeRows - 1}) i`
}
