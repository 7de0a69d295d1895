import { createHash } from 'node:crypto'
import { DbsyncError, invariant } from '../../core/errors.ts'
import type { Lsn } from '../../core/lsn.ts'
import { quoteIdentifier } from '../../core/quote.ts'
import { tableName } from '../../postgres/table-name.ts'
import type { StoredValues, StoredView } from '../view-store.ts'
import type { ColumnPair, ColumnPlan } from './check-derived-columns.ts'
import type { TableKey } from './checkpoint.ts'
import { readTargetColumns } from './column-catalog.ts'
import {
  createGatherSql,
  gatherSql,
  resetOthersSql,
  resetSql,
  ungatherSql,
  updateGatheredSql,
  updateSql,
  type ColumnsTable,
} from './column-sql.ts'
import { noteTable, readRegistry } from './registry.ts'
import { rowPieces } from './row-pieces.ts'
import { SCAN_WHOLE, type StoreSession } from './store-session.ts'
import type { StoreTarget } from './store-target.ts'

/** Which columns of whose table a view is written to. */
export interface DerivedColumnsOptions extends TableKey {
  /** By the columns of the table's key: the outputs that are the key of the view. */
  readonly key: ReadonlyMap<string, string>
  /** By the columns that are written: the outputs with their values. */
  readonly set: ReadonlyMap<string, string>
}

/** What a plan of `planDerivedColumns` is for a store. */
export function columnsOf({ model, key, set }: ColumnPlan): DerivedColumnsOptions {
  const byColumn = (pairs: readonly ColumnPair[]): ReadonlyMap<string, string> =>
    new Map(pairs.map(({ column, output }) => [column.column, output]))
  return { schema: model.schema, table: model.table, key: byColumn(key), set: byColumn(set) }
}

/**
 * Columns of somebody else's table that show a view: each row of the view is written to the row of its key, if there is one and a
 * value differs; rows that the view lacks have the columns' defaults.
 *
 * What is handed over is gathered and written at the end of its batch, so that the application's rows are not locked for long: all
 * rows in a table beside, changes in memory.
 */
export class DerivedColumns implements StoreTarget {
  readonly view: StoredView
  readonly keys: readonly TableKey[]
  /** The table is one of the sources; no view that reads these columns is written to them. */
  readonly unpublished: readonly TableKey[] = []
  readonly #options: DerivedColumnsOptions
  /** The columns of the table's key, in the order of the view's. */
  readonly #key: readonly string[]
  /** Positions of the view's columns in what is written: the key's, then the values. */
  readonly #places: readonly number[]
  readonly #hash: string
  #table: ColumnsTable | null = null
  #defaults: readonly (string | null)[] = []
  #gathered: string | null = null
  /** Statements of a batch of changes, in order. */
  #changes: { readonly sql: string; readonly parameters: readonly (string | null)[] }[] = []

  constructor(view: StoredView, options: DerivedColumnsOptions) {
    const { schema, table, key, set } = options
    this.view = view
    this.#options = options
    this.keys = [...set.keys()].map((column) => ({ schema, table: `${table}.${column}` }))
    this.#places = [...view.key, ...set.values()].map((name) => {
      const place = view.columns.findIndex((column) => column.name === name)
      invariant(place >= 0, `view "${view.name}" has no output "${name}"`)
      return place
    })
    this.#key = view.key.flatMap((output) =>
      [...key].filter((pair) => pair[1] === output).map(([column]) => column),
    )
    const isWhole = this.#key.length === key.size && key.size === view.key.length && key.size > 0
    invariant(isWhole, 'derived columns need the key of their table')
    const form = JSON.stringify([schema, table, this.#key, [...set]])
    this.#hash = createHash('sha256').update(form).digest('hex')
  }

  /**
   * Throws: CONTRACT.TABLE_MISSING, CONTRACT.COLUMN_MISSING, STORE.UNSUPPORTED: as `readTargetColumns`; STORE.TABLE_IN_USE;
   * POSTGRES.PERMISSION.
   */
  async prepare(session: StoreSession, pipeline: string, position: Lsn | null): Promise<boolean> {
    const names = { key: this.#key, values: [...this.#options.set.keys()] }
    const found = await readTargetColumns(session, this.#options, this.view.name, names)
    this.#table = { name: tableName(this.#options), key: found.key, values: found.values }
    this.#defaults = found.values.map(({ defaultText }) => defaultText)
    await this.#assertMayWrite(session)
    let isThere = position !== null
    for (const one of this.keys) {
      const noted = await readRegistry(session, one)
      if (noted !== null && noted.pipeline !== pipeline) throw this.#inUse(one, noted.pipeline)
      isThere &&=
        noted?.state === 'live' &&
        noted.fingerprint === this.view.fingerprint &&
        noted.ddlHash === this.#hash &&
        noted.shape === this.#shape &&
        noted.lsn === position
      if (noted === null) await this.#note(session, pipeline, 'building')
    }
    return isThere
  }

  /** Types and defaults: with others the values are to be written anew. */
  get #shape(): string {
    return JSON.stringify([this.#written.values.map(({ sqlType }) => sqlType), this.#defaults])
  }

  get #written(): ColumnsTable {
    invariant(this.#table !== null, 'derived columns are written before they are prepared')
    return this.#table
  }

  async #note(session: StoreSession, pipeline: string, state: 'building' | 'live'): Promise<void> {
    for (const { schema, table } of this.keys) {
      await noteTable(session, {
        schema,
        table,
        pipeline,
        view: this.view.name,
        fingerprint: this.view.fingerprint,
        ddlHash: this.#hash,
        shape: this.#shape,
        state,
      })
    }
  }

  async #assertMayWrite(session: StoreSession): Promise<void> {
    const grant = this.#grant(session)
    const { rows } = await session.run(
      { doing: `look for the right to write ${tableName(this.#options)}`, grant },
      `SELECT bool_and(has_column_privilege($1, c, 'UPDATE'))::text FROM unnest($2::text[]) AS c`,
      [tableName(this.#options), [...this.#options.set.keys()]],
    )
    if (rows[0]?.[0] === 'true') return
    throw new DbsyncError(
      'POSTGRES.PERMISSION',
      `The role "${session.role}" may not write the columns of ${tableName(this.#options)} that view "${this.view.name}" is for. Have the ` +
        `owner of the table run: ${grant}`,
      { details: { sql: grant, view: this.view.name } },
    )
  }

  async beginWhole(session: StoreSession, place: number): Promise<void> {
    const name = quoteIdentifier(`dbsync_gathered_${place}`)
    const grant = `GRANT TEMPORARY ON DATABASE ${quoteIdentifier(session.database)} TO ${quoteIdentifier(session.role)}`
    const context = { doing: 'make a temporary table for derived columns', view: this.view.name, grant }
    await session.run(context, createGatherSql(this.#written, name))
    this.#gathered = `pg_temp.${name}`
  }

  async delete(session: StoreSession, keys: readonly StoredValues[]): Promise<void> {
    const table = this.#written
    for (const { parameters } of rowPieces(keys, [], table.key.length)) {
      if (this.#gathered !== null) await this.#run(session, ungatherSql(table, this.#gathered), parameters)
      else this.#changes.push({ sql: resetSql(table), parameters: [...parameters, ...this.#defaults] })
    }
  }

  async upsert(session: StoreSession, rows: readonly StoredValues[]): Promise<void> {
    const table = this.#written
    const values = rows.map((row) => this.#places.map((place) => row[place] ?? null))
    for (const { parameters } of rowPieces(values, [], this.#places.length)) {
      if (this.#gathered !== null) await this.#run(session, gatherSql(table, this.#gathered), parameters)
      else this.#changes.push({ sql: updateSql(table), parameters })
    }
  }

  async finish(session: StoreSession, pipeline: string): Promise<void> {
    for (const { sql, parameters } of this.#changes) await this.#run(session, sql, parameters)
    const gathered = this.#gathered
    if (gathered === null) return
    const context = { doing: `write columns of ${tableName(this.#options)}`, view: this.view.name }
    await session.runAll(context, [SCAN_WHOLE, `ANALYZE ${gathered}`])
    await session.run(context, resetOthersSql(this.#written, gathered), this.#defaults)
    await session.run(context, updateGatheredSql(this.#written, gathered))
    await this.#note(session, pipeline, 'live')
  }

  ended(): void {
    this.#gathered = null
    this.#changes = []
  }

  async #run(session: StoreSession, sql: string, parameters: readonly (string | null)[]): Promise<void> {
    const doing = `write columns of ${tableName(this.#options)}`
    await session.runPrepared({ doing, view: this.view.name, grant: this.#grant(session) }, sql, parameters)
  }

  #grant(session: StoreSession): string {
    const { schema, set } = this.#options
    const role = quoteIdentifier(session.role)
    const written = [...set.keys()].map(quoteIdentifier).join(', ')
    const read = [...new Set([...this.#key, ...set.keys()])].map(quoteIdentifier).join(', ')
    return (
      `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${role}; ` +
      `GRANT SELECT (${read}), UPDATE (${written}) ON TABLE ${tableName(this.#options)} TO ${role}`
    )
  }

  #inUse({ table }: TableKey, other: string): DbsyncError {
    return new DbsyncError(
      'STORE.TABLE_IN_USE',
      `Column ${quoteIdentifier(table)} is written by the sync "${other}". Write view "${this.view.name}" into another column; or, if that ` +
        'sync is gone for good, delete the row of the column from dbsync.derived_table.',
      { details: { view: this.view.name, table, pipeline: other } },
    )
  }
}
