import { createHash } from 'node:crypto'
import { DbsyncError, isDbsyncError } from '../../core/errors.ts'
import type { Lsn } from '../../core/lsn.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { tableName } from '../../postgres/table-name.ts'
import type { StoredValues, StoredView } from '../view-store.ts'
import { takeTurn } from './bookkeeping.ts'
import type { TableKey } from './checkpoint.ts'
import { noteTable, readRegistry } from './registry.ts'
import { assertReplaceable, replacementOf, swapTables } from './replace-table.ts'
import { rowPieces } from './row-pieces.ts'
import { createSeenSql, deleteSql, deleteUnseenSql, upsertSql, type WrittenTable } from './row-sql.ts'
import { SCAN_WHOLE, type StoreSession } from './store-session.ts'
import type { StoreTarget } from './store-target.ts'
import { createTable, onlyColumn, tableColumns, type TableOptions } from './table-ddl.ts'
import { readShape } from './table-shape.ts'

/** SQLSTATE of a relation whose name is taken. */
const DUPLICATE = '42P07'

/** What a derived table is to be. */
export interface DerivedTableOptions extends TableKey {
  /** Lists of output names. */
  readonly indexes: readonly (readonly string[])[]
}

/** A batch that writes all rows of a view. */
interface Whole {
  readonly table: WrittenTable
  /** Where the table is filled that takes the other's place; null: in place. */
  readonly replacement: TableKey | null
  /** The quoted name of the table with the keys that were written; null: the table was empty. */
  readonly seen: string | null
}

/**
 * The table of one view: made, compared with what is noted of it, written, and replaced when its form has changed. All of it
 * within transactions of the store.
 */
export class DerivedTable implements StoreTarget, TableKey {
  readonly view: StoredView
  readonly schema: string
  readonly table: string
  readonly #statements: readonly string[]
  readonly #ddlHash: string
  readonly #written: WrittenTable
  readonly #hasNullableKey: boolean
  readonly #options: TableOptions
  #mustReplace = false
  #whole: Whole | null = null

  /** Throws: STORE.UNSUPPORTED, CONFIG.INVALID_OPTIONS: as `createTable`. */
  constructor(view: StoredView, { schema, table }: TableKey, options: TableOptions) {
    this.view = view
    this.schema = schema
    this.table = table
    this.#options = options
    this.#statements = createTable(view, { schema, table }, options)
    this.#ddlHash = createHash('sha256').update(this.#statements.join(';\n')).digest('hex')
    const columns = tableColumns(view, options)
    const only = onlyColumn(view)
    const keyNames = only === null ? view.key : [only]
    const all = only === null ? columns : [...columns, { name: only, sqlType: 'boolean', notNull: true }]
    const key = keyNames.map((name) => all.findIndex((column) => column.name === name))
    this.#hasNullableKey = key.some((position) => all[position]?.notNull !== true)
    this.#written = { name: tableName(this), columns: all, key }
  }

  get keys(): readonly TableKey[] {
    return [this]
  }

  get unpublished(): readonly TableKey[] {
    return [this]
  }

  /**
   * Makes the table where it is missing. Returns whether it shows its view at `position`, so that changes can be written to it;
   * otherwise it needs all rows.
   *
   * Throws: STORE.TABLE_EXISTS, STORE.TABLE_IN_USE, STORE.TABLE_CHANGED, STORE.UNSUPPORTED; POSTGRES.PERMISSION.
   */
  async prepare(session: StoreSession, pipeline: string, position: Lsn | null): Promise<boolean> {
    this.#whole = null
    this.#mustReplace = false
    const shape = await readShape(session, this)
    if (shape === null) {
      await this.#create(session, pipeline)
      return false
    }
    const noted = await readRegistry(session, this)
    if (noted === null) throw this.#exists()
    if (noted.pipeline !== pipeline) throw this.#inUse(noted.pipeline)
    if (noted.shape !== shape.text) throw this.#changed()
    if (noted.ddlHash !== this.#ddlHash) {
      await assertReplaceable(session, this, shape.oid)
      this.#mustReplace = true
      return false
    }
    return (
      noted.state === 'live' &&
      noted.fingerprint === this.view.fingerprint &&
      position !== null &&
      noted.lsn === position
    )
  }

  async #create(session: StoreSession, pipeline: string): Promise<void> {
    const doing = `make the table ${tableName(this)}`
    const schema = quoteIdentifier(this.schema)
    await takeTurn(session)
    const { rows } = await session.run({ doing }, 'SELECT to_regnamespace($1)::text', [schema])
    const role = quoteIdentifier(session.role)
    if (rows[0]?.[0] == null) {
      const grant = `CREATE SCHEMA ${schema} AUTHORIZATION ${role}`
      await session.run({ doing: `make the schema ${schema}`, grant }, `CREATE SCHEMA ${schema}`)
    }
    const grant = `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}`
    try {
      await session.runAll({ doing, grant, view: this.view.name }, this.#statements)
    } catch (error) {
      throw isDbsyncError(error) && error.details['sqlState'] === DUPLICATE ? this.#nameTaken() : error
    }
    await this.#note(session, pipeline, 'building')
  }

  async #note(session: StoreSession, pipeline: string, state: 'building' | 'live'): Promise<void> {
    const shape = await readShape(session, this)
    await noteTable(session, {
      schema: this.schema,
      table: this.table,
      pipeline,
      view: this.view.name,
      fingerprint: this.view.fingerprint,
      ddlHash: this.#ddlHash,
      shape: shape?.text ?? '',
      state,
    })
  }

  /** All rows are about to be written; what is not among them goes with {@link finish}. `place`: of the table in its batch. */
  async beginWhole(session: StoreSession, place: number): Promise<void> {
    const context = { doing: `begin to write ${tableName(this)}`, view: this.view.name }
    if (this.#mustReplace) {
      const replacement = replacementOf(this)
      await session.runAll(context, createTable(this.view, replacement, this.#options))
      this.#whole = {
        table: { ...this.#written, name: tableName(replacement) },
        replacement,
        seen: null,
      }
      return
    }
    const { rows } = await session.run(context, `SELECT EXISTS (SELECT FROM ${this.#written.name})::text`)
    const seen = rows[0]?.[0] === 'false' ? null : `pg_temp.${quoteIdentifier(`dbsync_seen_${place}`)}`
    if (seen !== null) {
      const grant = `GRANT TEMPORARY ON DATABASE ${quoteIdentifier(session.database)} TO ${quoteIdentifier(session.role)}`
      await session.run(
        { ...context, grant },
        createSeenSql(this.#written, quoteIdentifier(`dbsync_seen_${place}`), this.#hasNullableKey),
      )
    }
    this.#whole = { table: this.#written, replacement: null, seen }
  }

  async delete(session: StoreSession, keys: readonly StoredValues[]): Promise<void> {
    const { table } = this.#target
    const context = {
      doing: `delete rows of ${tableName(this)}`,
      view: this.view.name,
      grant: this.#grant(session),
    }
    const rows = onlyColumn(this.view) === null ? keys : keys.map(() => ['true'])
    const positions = table.key.map((_, at) => at)
    for (const { nulls, parameters } of rowPieces(rows, positions, positions.length)) {
      await session.runPrepared(context, deleteSql(table, nulls), parameters)
    }
  }

  async upsert(session: StoreSession, values: readonly StoredValues[]): Promise<void> {
    const { table, seen } = this.#target
    const context = {
      doing: `write rows of ${tableName(this)}`,
      view: this.view.name,
      grant: this.#grant(session),
    }
    const rows = onlyColumn(this.view) === null ? values : values.map((row) => [...row, 'true'])
    for (const { nulls, parameters } of rowPieces(rows, table.key, table.columns.length)) {
      await session.runPrepared(context, upsertSql(table, nulls, seen), parameters)
    }
  }

  /** If these were all rows: the others go, and a replacement takes its place. */
  async finish(session: StoreSession, pipeline: string): Promise<void> {
    if (this.#whole === null) return
    const { table, replacement, seen } = this.#whole
    const context = {
      doing: `end the writing of ${tableName(this)}`,
      view: this.view.name,
      grant: this.#grant(session),
    }
    if (seen !== null) {
      await session.runAll(context, [SCAN_WHOLE, deleteUnseenSql(table, seen, this.#hasNullableKey)])
    }
    if (replacement !== null) {
      await swapTables(session, this.view.name, { from: replacement, to: this, statements: this.#statements })
    }
    await this.#note(session, pipeline, 'live')
  }

  ended(isCommitted: boolean): void {
    if (isCommitted && this.#whole?.replacement != null) this.#mustReplace = false
    this.#whole = null
  }

  get #target(): Whole {
    return this.#whole ?? { table: this.#written, replacement: null, seen: null }
  }

  #grant(session: StoreSession): string {
    return `GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE ${tableName(this)} TO ${quoteIdentifier(session.role)}`
  }

  #exists(): DbsyncError {
    return new DbsyncError(
      'STORE.TABLE_EXISTS',
      `${tableName(this)} exists and was not made by DBSync, so view "${this.view.name}" is not written to it. Give the derived table ` +
        'another name or schema, or drop what is there if nobody needs it.',
      { details: { view: this.view.name, table: tableName(this) } },
    )
  }

  #nameTaken(): DbsyncError {
    return new DbsyncError(
      'STORE.TABLE_EXISTS',
      `${tableName(this)} cannot be made: its schema has something else of the name of its key or of one of its indexes, such as this ` +
        'table under another name. Drop that, or rename it with its constraints and indexes; or give the derived table another name.',
      { details: { view: this.view.name, table: tableName(this) } },
    )
  }

  #inUse(other: string): DbsyncError {
    return new DbsyncError(
      'STORE.TABLE_IN_USE',
      `${tableName(this)} is written by the sync "${other}". Give the derived table of view "${this.view.name}" another name or ` +
        'schema; or, if that sync is gone for good, drop the table.',
      { details: { view: this.view.name, table: tableName(this), pipeline: other } },
    )
  }

  #changed(): DbsyncError {
    return new DbsyncError(
      'STORE.TABLE_CHANGED',
      `Somebody has changed the columns of ${tableName(this)} since it was made. Change them back, or drop the table; it is made and ` +
        'filled anew at the next start.',
      { details: { view: this.view.name, table: tableName(this) } },
    )
  }
}
