import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import type { ControlSession } from './control-session.ts'

/** How far the first reading of one model has come, as far as everybody has handled it. */
export interface StoredReading {
  readonly model: string
  readonly isDone: boolean
  /** The key of the last row handled, in wire text; null at the beginning. */
  readonly lastKey: readonly string[] | null
  readonly rows: number
}

/** The statements that make the table; for a role that may not run them, to be run by one that may. */
export const READING_STORE_SQL =
  'CREATE SCHEMA IF NOT EXISTS dbsync; ' +
  'CREATE TABLE IF NOT EXISTS dbsync.snapshot (slot text NOT NULL, model text NOT NULL, state text NOT NULL, ' +
  'last_key text[], rows bigint NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (slot, model))'

/**
 * Where a durable sync notes how far it has handed the tables' rows to its consumers: the table `dbsync.snapshot`, in the
 * database of the slot, since the two are good for each other alone. A row for each slot and model.
 */
export class ReadingStore {
  readonly #control: ControlSession
  readonly #slot: string

  constructor(control: ControlSession, slot: string) {
    this.#control = control
    this.#slot = slot
  }

  async #isThere(): Promise<boolean> {
    const [row] = await this.#control.query("SELECT to_regclass('dbsync.snapshot')::text")
    return row?.[0] != null
  }

  /** Makes the table where it is missing. Throws: POSTGRES.PERMISSION with the SQL. */
  async ensure(): Promise<void> {
    if (await this.#isThere()) return
    try {
      await this.#control.query(READING_STORE_SQL)
    } catch (error) {
      if (!isDbsyncError(error, 'POSTGRES.PERMISSION')) throw error
      throw new DbsyncError(
        'POSTGRES.PERMISSION',
        'The role may not make the table dbsync.snapshot, where a durable sync notes how far it has read the tables. Have an ' +
          `owner of the database run: ${READING_STORE_SQL}; and grant the role SELECT, INSERT, UPDATE, DELETE on it.`,
        { details: { sql: READING_STORE_SQL } },
      )
    }
  }

  /** What is noted for the slot, by model. */
  async load(): Promise<ReadonlyMap<string, StoredReading>> {
    const rows = await this.#control.query(
      'SELECT model, state, array_to_json(last_key)::text, rows::text FROM dbsync.snapshot WHERE slot = $1',
      [this.#slot],
    )
    return new Map(
      rows.map(([model, state, key, count]) => [
        model ?? '',
        {
          model: model ?? '',
          isDone: state === 'done',
          lastKey: key == null ? null : parseKey(key),
          rows: Number(count),
        },
      ]),
    )
  }

  /** Notes how far one model has come. What a crash loses of it is handed over again. */
  async save(reading: StoredReading): Promise<void> {
    const { model, isDone, lastKey, rows } = reading
    await this.#control.query(
      `INSERT INTO dbsync.snapshot (slot, model, state, last_key, rows) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (slot, model) DO UPDATE
       SET state = excluded.state, last_key = excluded.last_key, rows = excluded.rows, updated_at = now()`,
      [this.#slot, model, isDone ? 'done' : 'reading', lastKey, rows],
    )
  }

  /** Forgets everything about the slot: it is about to be made, or gone. */
  async forget(): Promise<void> {
    if (!(await this.#isThere())) return
    await this.#control.query('DELETE FROM dbsync.snapshot WHERE slot = $1', [this.#slot])
  }
}

function parseKey(text: string): readonly string[] {
  const key: unknown = JSON.parse(text)
  return Array.isArray(key) ? key.map(String) : []
}
