import { Backoff, sleep } from '../core/backoff.ts'
import { isDbsyncError } from '../core/errors.ts'
import { columnOf } from '../contract/lookup.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { tableName } from '../postgres/table-name.ts'
import { boundsSql, type KeyBounds } from '../snapshot/chunk-query.ts'
import type { ReadTarget } from './read-job.ts'
import { ReplicaTable } from './replica.ts'
import type { SourceTable } from '../zset/source-table.ts'

const BATCH = 5_000

/**
 * Keys of rows of a table that a reading of a part of it should have confirmed, has not, and that the database seems not
 * to have: to be read by their keys, which decides. In batches, in wire text.
 *
 * Which keys lie between the ends is the server's to say: its collation orders them. For a condition every row that was not
 * confirmed is looked for, since one that is gone cannot be asked whether it would fit.
 * Rights: SELECT on the table. A session that is lost meanwhile is waited for. Throws: POSTGRES.*, SYNC.CLOSED.
 */
export async function* suspects(
  control: ControlSession,
  target: ReadTarget,
  scan: number,
  bounds: KeyBounds,
): AsyncGenerator<readonly (readonly string[])[]> {
  if (!(target instanceof ReplicaTable)) return
  const { model, table } = target
  const sql = suspectsSql(model, bounds)
  for (const keys of unconfirmed(model, table, scan)) {
    const rows = await ask(control, sql, JSON.stringify(keys))
    const found = rows.map((row) => row.map((text) => text ?? ''))
    if (found.length > 0) yield found
  }
}

async function ask(control: ControlSession, sql: string, keys: string): ReturnType<ControlSession['query']> {
  const backoff = new Backoff()
  for (;;) {
    try {
      return await control.query(sql, [keys])
    } catch (error) {
      const isAway =
        isDbsyncError(error, 'POSTGRES.CONNECTION_LOST') ||
        isDbsyncError(error, 'POSTGRES.CONNECTION_REFUSED')
      if (!isAway) throw error
      await sleep(backoff.nextMs())
    }
  }
}

function suspectsSql(model: ModelContract, bounds: KeyBounds): string {
  const name = tableName(model)
  const columns = model.key.map((field) => columnOf(model, field).column)
  const key = (alias: string): string =>
    `(${columns.map((column) => `${alias}.${quoteIdentifier(column)}`).join(', ')})`
  const conditions = [
    `NOT EXISTS (SELECT FROM ${name} AS held WHERE ${key('held')} = ${key('asked')})`,
    ...boundsSql(columns, { ...bounds, where: null }),
  ]
  const texts = columns.map((column) => `${quoteIdentifier(column)}::text`).join(', ')
  // The table's own row type: its columns' types and collations.
  return `SELECT ${texts} FROM json_populate_recordset(NULL::${name}, $1) AS asked WHERE ${conditions.join(' AND ')}`
}

/** Batches of keys, as objects by column name. Rows that come meanwhile are confirmed by coming. */
function* unconfirmed(
  model: ModelContract,
  table: SourceTable,
  scan: number,
): Generator<Record<string, string>[]> {
  let batch: Record<string, string>[] = []
  for (const slot of table.slots()) {
    if (table.markOf(slot) >= scan) continue
    const entries = model.key.map((field, index): [string, string] => {
      const column = table.keyColumns[index]
      return [columnOf(model, field).column, column?.codec.textFromPublic(column.value(slot)) ?? '']
    })
    batch.push(Object.fromEntries(entries))
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
