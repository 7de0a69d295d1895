import { randomUUID } from 'node:crypto'
import { DbsyncError } from '../core/errors.ts'
import type { ModelContract, SchemaContract } from '../contract/schema-contract.ts'
import type { ConnectionTarget } from '../postgres/resolve-connection.ts'
import { ControlSession } from '../postgres/control-session.ts'
import { REFRESH_PREFIX } from './refresh-request.ts'
import { pickModels } from './set-up.ts'

/** What is to be read anew. A key is a value, or an object of the key's fields, as JSON has them. */
export interface RefreshWish {
  /** Model names; absent for all. */
  readonly models?: readonly string[]
  /** These rows of the one model. */
  readonly keys?: readonly unknown[]
  /** The rows of the one model from this key on; leading fields of the key are enough. */
  readonly from?: unknown
  /** The rows of the one model up to this key. */
  readonly to?: unknown
}

/** A request that is on its way. */
export interface RequestedRefresh {
  /** By which the sync reports it. */
  readonly id: string
  /** Where the request lies in the WAL. */
  readonly lsn: string
  /** Slots that somebody streams from now: those syncs get it. */
  readonly listeners: readonly string[]
}

/**
 * Asks the syncs of a database to read tables anew, by a logical message in the stream that they read: it needs no
 * table, comes in commit order, and waits in a durable slot for a sync that is down.
 *
 * Throws: CONFIG.INVALID_OPTIONS, POSTGRES.*.
 */
export async function requestRefresh(
  contract: SchemaContract,
  connection: ConnectionTarget,
  request: RefreshWish,
): Promise<RequestedRefresh> {
  checkRequest(contract, request)
  const id = randomUUID()
  const control = new ControlSession(connection)
  try {
    const [[lsn] = []] = await control.query('SELECT pg_logical_emit_message(true, $1, $2)::text', [
      REFRESH_PREFIX,
      JSON.stringify({ id, ...request }),
    ])
    const slots = await control.query(
      `SELECT slot_name::text FROM pg_catalog.pg_replication_slots
       WHERE database = current_database() AND plugin = 'pgoutput' AND active ORDER BY 1`,
    )
    return { id, lsn: lsn ?? '', listeners: slots.map(([name]) => name ?? '') }
  } finally {
    await control.close()
  }
}

function checkRequest(contract: SchemaContract, request: RefreshWish): void {
  const { models, keys, from, to } = request
  const picked = pickModels(contract, models ?? [])
  const ends = [from, to].filter((end) => end !== undefined)
  if (keys === undefined && ends.length === 0) return
  const [model, ...others] = picked
  if (model === undefined || others.length > 0 || models === undefined) {
    throw invalid('keys and ranges are those of one table. Name exactly one model')
  }
  if (keys !== undefined && ends.length > 0) {
    throw invalid('keys and a range were both given. Give one of them')
  }
  const isWrong =
    keys?.some((key) => countKeyFields(model, key) !== model.key.length) === true ||
    ends.some((end) => countKeyFields(model, end) === 0)
  if (!isWrong) return
  throw invalid(
    `a key of ${model.model} is an object of (${model.key.join(', ')})${model.key.length === 1 ? ', or its value' : ''}; the ends ` +
      'of a range may leave out the last of them. Write it as JSON',
  )
}

/** How many of the key's fields a value gives, from the first on; 0 if it is none. */
function countKeyFields(model: ModelContract, key: unknown): number {
  if (typeof key !== 'object') return model.key.length === 1 ? 1 : 0
  const fields = key === null ? [] : Object.keys(key)
  const leading = model.key.slice(0, fields.length)
  return leading.length === fields.length && leading.every((field) => fields.includes(field))
    ? fields.length
    : 0
}

function invalid(found: string): DbsyncError {
  return new DbsyncError('CONFIG.INVALID_OPTIONS', `The refresh is not valid: ${found}.`)
}
