import type pg from 'pg'
import { modelOf } from '../contract/lookup.ts'
import { parseLsn, type Lsn } from '../core/lsn.ts'
import { tableName } from '../postgres/table-name.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { modelsOf } from '../views/models-of.ts'
import { rowsOfSql, type ComparedRow } from './compare-view.ts'
import type { ShownView, VerifiedSync } from './shown-view.ts'

/** A view and its SQL, as they were read. */
export interface BothSides {
  readonly expected: readonly ComparedRow[]
  readonly actual: readonly ComparedRow[]
  readonly lsn: Lsn
  /** Whether nothing was committed between the two readings, so that both are of that position. */
  readonly isStill: boolean
}

/** What is read. */
export interface ReadView {
  readonly sync: VerifiedSync
  readonly view: ViewDefinition
  readonly shown: ShownView
  /** The view's SQL at this moment. */
  readonly sql: () => string
}

/** Below the second after which the server looks for a deadlock: a writer that waits for us must not be the one that is ended. */
const LOCK_MS = 500
const HELD_MS = 2_000
/** Somebody has the lock; it may not be taken; a deadlock. */
const NO_LOCK: ReadonlySet<unknown> = new Set(['55P03', '42501', '40P01'])

/**
 * Reads a view and its SQL at one position. While both are read nobody can write the view's tables: once their lock is ours, all who wrote
 * before are visible to SQL, and in the stream.
 *
 * Where the lock cannot be had, or the sync itself has to write one of the tables, it reads one after the other and says whether
 * anything was committed in between.
 */
export async function readBothSides(client: pg.ClientBase, what: ReadView): Promise<BothSides> {
  // What takes long, or fails, does so before anybody is held out.
  await what.sync.catchUp()
  return (await readHeld(client, what)) ?? readFree(client, what)
}

/** Null if writers cannot be held out. */
async function readHeld(client: pg.ClientBase, { view, shown, sql }: ReadView): Promise<BothSides | null> {
  const tables = modelsOf(view.ir.query).map((model) => tableName(modelOf(view.schema, model)))
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_MS}`)
  try {
    if (!(await takesLock(client, tables.toSorted()))) return null
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
    const lsn = parseLsn(rows[0]?.lsn ?? '')
    const tooLong = AbortSignal.timeout(HELD_MS)
    const actual = await shown.read(lsn, tooLong).catch((error: unknown) => {
      if (tooLong.aborted) return null
      throw error
    })
    if (actual === null) return null
    return { expected: await rowsOfSql(view, client, sql()), actual, lsn, isStill: true }
  } finally {
    await client.query('ROLLBACK')
  }
}

async function takesLock(client: pg.ClientBase, tables: readonly string[]): Promise<boolean> {
  try {
    await client.query(`LOCK TABLE ${tables.join(', ')} IN SHARE MODE`)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && NO_LOCK.has(error.code)) return false
    throw error
  }
}

async function readFree(client: pg.ClientBase, { sync, view, shown, sql }: ReadView): Promise<BothSides> {
  const before = await sync.catchUp()
  const expected = await rowsOfSql(view, client, sql())
  const lsn = await sync.catchUp()
  const actual = await shown.read(lsn)
  return { expected, actual, lsn, isStill: before === lsn }
}
