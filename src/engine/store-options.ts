import { z } from 'zod'
import { DbsyncError } from '../core/errors.ts'
import type { Table } from '../contract/schema-contract.ts'
import type { ConnectionOptions } from '../postgres/resolve-connection.ts'
import type { DerivedColumns } from '../stores/postgres/check-derived-columns.ts'
import type { ViewStore } from '../stores/view-store.ts'
import { storedViewOf } from '../stores/stored-view.ts'
import { isViewDefinition, type ViewDefinition } from '../views/define-view.ts'
import { modelsOf } from '../views/models-of.ts'
import type { DerivedTable } from './check-loops.ts'

/** A derived table: a view's rows as a table of Postgres. */
export interface TableOptions {
  /** Default: the view of that name in the option `views`. */
  readonly view?: ViewDefinition
  /** The table's schema; made if it is missing. Default: `derived`. */
  readonly schema?: string
  /** Default: the view's own name. */
  readonly name?: string
  /** Indexes beside that of the key: lists of outputs. Default: the view's own. */
  readonly indexes?: readonly (readonly string[])[]
}

/** Derived columns: a view keyed like a model, written into columns of the model's table. */
export interface ColumnsOptions {
  /** Default: the view of that name in the option `views`. */
  readonly view?: ViewDefinition
  /** The model that has the columns. */
  readonly model: Table
  /** For each field that is written, the output of the view with its value. */
  readonly set: Readonly<Record<string, string>>
}

/** A store and the views that are written to it. */
export interface StoreTarget {
  readonly store: ViewStore
  readonly views: readonly ViewDefinition[]
}

/** What of `createSync`'s options is about places where views are written. */
export interface StoreOptions {
  /**
   * Derived tables, by the names of `views`, or with a view of their own. Each shows its view exactly as of one commit of the source, all of
   * them the same; `dbsync.derived_table` there says of which. They must not be published.
   */
  readonly tables?: Readonly<Record<string, ViewDefinition | TableOptions>>
  /** Derived columns, by the names of `views`. Rows of the model that the view lacks get the column's default. */
  readonly columns?: Readonly<Record<string, ColumnsOptions>>
  /** The database of the derived tables. Default: `connection`. */
  readonly target?: ConnectionOptions
  /** Other stores: `redisStore`, or your own. */
  readonly stores?: readonly StoreTarget[]
}

/** A derived table, with its defaults. */
export interface CheckedTable extends DerivedTable {
  readonly indexes: readonly (readonly string[])[]
}

/** {@link StoreOptions}, checked and with their defaults. */
export interface CheckedStores {
  readonly tables: readonly CheckedTable[]
  readonly columns: readonly DerivedColumns[]
  readonly stores: readonly StoreTarget[]
  /** Every view that is written somewhere, once. */
  readonly views: readonly ViewDefinition[]
}

const viewSchema = z.custom<ViewDefinition>(isViewDefinition, 'must be made by defineView')
const nameSchema = z.string().min(1)

/** The form of {@link StoreOptions}, but for `target`. */
export const storeShape = {
  tables: z
    .record(
      z.string(),
      z.union([
        viewSchema,
        z.strictObject({
          view: viewSchema.optional(),
          schema: nameSchema.optional(),
          name: nameSchema.optional(),
          indexes: z.array(z.array(z.string()).min(1)).optional(),
        }),
      ]),
    )
    .optional(),
  columns: z
    .record(
      z.string(),
      z.strictObject({
        view: viewSchema.optional(),
        model: z.custom<Table>(
          (value) => typeof value === 'object' && value !== null && 'model' in value,
          'must be a table of the generated code',
        ),
        set: z.record(z.string(), z.string()),
      }),
    )
    .optional(),
  stores: z
    .array(
      z.strictObject({
        store: z.custom<ViewStore>(
          (value) => typeof value === 'object' && value !== null && 'open' in value && 'commit' in value,
          'must be a store, such as redisStore(client)',
        ),
        views: z.array(viewSchema).min(1),
      }),
    )
    .optional(),
}

/** Checks options of the right form. Throws: CONFIG.INVALID_OPTIONS, CONFIG.DUPLICATE_VIEW, STORE.UNSUPPORTED. */
export function checkStores(
  views: Readonly<Record<string, ViewDefinition>>,
  options: StoreOptions,
): CheckedStores {
  const tables = Object.entries(options.tables ?? {}).map(([name, given]): CheckedTable => {
    const table: TableOptions = isViewDefinition(given) ? { view: given } : given
    const view = table.view ?? viewOf(views, name, 'tables')
    return {
      view,
      schema: table.schema ?? 'derived',
      table: table.name ?? view.name,
      indexes: table.indexes ?? view.indexes,
    }
  })
  const columns = Object.entries(options.columns ?? {}).map(
    ([name, { view, model, set }]): DerivedColumns => ({
      view: view ?? viewOf(views, name, 'columns'),
      model: model.model,
      set,
    }),
  )
  for (const one of columns) assertReadsModel(one)
  const stores = options.stores ?? []
  const all = [...tables, ...columns].map(({ view }) => view).concat(stores.flatMap((target) => target.views))
  const byName = new Map<string, ViewDefinition>()
  for (const view of [...all, ...Object.values(views)]) {
    const known = byName.get(view.name)
    if (known !== undefined && known.fingerprint !== view.fingerprint) {
      throw new DbsyncError(
        'CONFIG.DUPLICATE_VIEW',
        `found two different views named "${view.name}"; need a name for each. Rename one.`,
        { details: { view: view.name } },
      )
    }
    byName.set(view.name, view)
  }
  assertOnce(tables, 'tables')
  assertOnce(columns, 'columns')
  const written = [...new Map(all.map((view) => [view.name, view])).values()]
  for (const view of written) storedViewOf(view)
  return { tables, columns, stores, views: written }
}

function viewOf(
  views: Readonly<Record<string, ViewDefinition>>,
  name: string,
  option: string,
): ViewDefinition {
  const view = Object.hasOwn(views, name) ? views[name] : undefined
  if (view !== undefined) return view
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `${option}.${name}: there is no such view in the option "views". It has ${Object.keys(views).join(', ') || 'none'}. Name one of them, ` +
      'or give the view itself.',
  )
}

/** Else a row of the model that comes after its row of the view would keep the defaults. */
function assertReadsModel({ view, model }: DerivedColumns): void {
  if (modelsOf(view.ir.query).includes(model)) return
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `The view ${view.name}, written into ${model}: it does not read ${model}. Select from it, and left-join what the values are made of.`,
    { details: { view: view.name, model } },
  )
}

function assertOnce(written: readonly { readonly view: ViewDefinition }[], option: string): void {
  const names = written.map(({ view }) => view.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return
  throw new DbsyncError(
    'CONFIG.DUPLICATE_VIEW',
    `${option}: the view "${twice}" is written twice. Leave one out.`,
    { details: { view: twice } },
  )
}
