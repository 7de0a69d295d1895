import { quoteIdentifier, quoteLiteral } from '../core/quote.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { tableName } from '../postgres/table-name.ts'

/** A part of a table. Keys are wire text, both ends belong to it, and may be a beginning of the key alone. */
export interface KeyBounds {
  readonly from: readonly string[] | null
  readonly to: readonly string[] | null
  /** An SQL condition over the table's columns, as the caller wrote it. */
  readonly where: string | null
}

/** Which rows of a table a chunk reads: in the key's order from one on, in the whole table or in a part; or by keys. */
export type ChunkRange =
  | {
      readonly kind: 'after'
      readonly key: readonly string[] | null
      readonly limit: number
      readonly bounds?: KeyBounds | null
    }
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
  const name = tableName(table.model)
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
  if (range.kind === 'keys') {
    const keys = range.keys.map(tupleOf).join(', ')
    return `SELECT ${columns} FROM ${name} WHERE ${keyColumns(table.key)} IN (${keys})`
  }
  const conditions = range.bounds == null ? [] : boundsSql(table.key, range.bounds)
  if (range.key !== null) conditions.push(`${keyColumns(table.key)} > ${tupleOf(range.key)}`)
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  const order = table.key.map(quoteIdentifier).join(', ')
  return `SELECT ${columns} FROM ${name}${where} ORDER BY ${order} LIMIT ${range.limit}`
}

/** The conditions of a part of a table. */
export function boundsSql(key: readonly string[], { from, to, where }: KeyBounds): string[] {
  const conditions: string[] = []
  if (from !== null) conditions.push(`${keyColumns(key.slice(0, from.length))} >= ${tupleOf(from)}`)
  if (to !== null) conditions.push(`${keyColumns(key.slice(0, to.length))} <= ${tupleOf(to)}`)
  // On lines of its own, so that a comment at its end comments nothing else out.
  if (where !== null) conditions.push(`(\n${where}\n)`)
  return conditions
}

function keyColumns(names: readonly string[]): string {
  const columns = names.map(quoteIdentifier)
  return columns.length === 1 ? (columns[0] ?? '') : `(${columns.join(', ')})`
}

// Untyped literals take the column's type, so the comparison is the index's own, in the column's collation.
function tupleOf(key: readonly string[]): string {
  const parts = key.map(quoteLiteral)
  return parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(', ')})`
}
