import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import type { ModelContract } from '../contract/schema-contract.ts'

/** Which rows of a table a chunk reads. */
export type ChunkRange =
  | { readonly kind: 'after'; readonly key: readonly string[] | null; readonly limit: number }
  | { readonly kind: 'keys'; readonly keys: readonly (readonly string[])[] }

/** What a chunk reads of a table: columns in order, and the key's among them in the key's order. */
export interface ChunkTable {
  readonly model: ModelContract
  /** Column names in the database, in the order of the rows. */
  readonly columns: readonly string[]
  /** Key column names in the database. */
  readonly key: readonly string[]
}

/** Prefix of the logical messages that place chunks in the stream. */
export const WATERMARK_PREFIX = 'dbsync.watermark'

/**
 * The statements of one chunk, sent together: one round trip.
 *
 * Chunk transaction: the lock comes before the snapshot, so that no TRUNCATE or rewriting ALTER can lie between snapshot
 * and read, which would then look like an empty table. `row_security = off` turns a policy that hides rows into
 * an error. Then the high watermark, in a transaction of its own that does not wait for standbys: its
 * commit lies after the snapshot, so when the stream shows it, every transaction that the snapshot saw has been
 * delivered.
 * Results, in order: … `pg_current_snapshot()` … COPY rows ….
 * Rights: SELECT on the table. Version: 14.
 */
export function chunkSql(table: ChunkTable, range: ChunkRange, watermark: string): string {
  const name = `${quoteIdentifier(table.model.schema)}.${quoteIdentifier(table.model.table)}`
  return (
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ' +
    "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'; SET LOCAL row_security = off; " +
    `LOCK TABLE ${name} IN ACCESS SHARE MODE; ` +
    'SELECT pg_current_snapshot()::text; ' +
    `COPY (${selectSql(name, table, range)}) TO STDOUT; ` +
    'COMMIT; ' +
    `BEGIN; SET LOCAL synchronous_commit = local; ${watermarkSql(watermark)}; COMMIT`
  )
}

/** A watermark alone, written in the transaction that is open. */
export function watermarkSql(watermark: string): string {
  return `SELECT pg_logical_emit_message(true, ${quoteLiteral(WATERMARK_PREFIX)}, ${quoteLiteral(watermark)})`
}

function selectSql(name: string, table: ChunkTable, range: ChunkRange): string {
  const columns = table.columns.map(quoteIdentifier).join(', ')
  const key = table.key.map(quoteIdentifier)
  const tuple = key.length === 1 ? (key[0] ?? '') : `(${key.join(', ')})`
  if (range.kind === 'keys') {
    return `SELECT ${columns} FROM ${name} WHERE ${tuple} IN (${range.keys.map(keyLiteral).join(', ')})`
  }
  const where = range.key === null ? '' : ` WHERE ${tuple} > ${keyLiteral(range.key)}`
  return `SELECT ${columns} FROM ${name}${where} ORDER BY ${key.join(', ')} LIMIT ${range.limit}`
}

// Untyped literals take the column's type, so the comparison is the index's own, in the column's collation.
function keyLiteral(key: readonly string[]): string {
  const parts = key.map(quoteLiteral)
  return parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(', ')})`
}
