import { isSameDatabase } from '../postgres/resolve-connection.ts'
import { planDerivedColumns } from '../stores/postgres/check-derived-columns.ts'
import { columnsOf } from '../stores/postgres/derived-columns.ts'
import { sourceEnumTypes } from '../stores/postgres/enum-types.ts'
import { PostgresStore } from '../stores/postgres/postgres-store.ts'
import type { CheckedOptions } from './options.ts'
import type { StoreTarget } from './store-options.ts'

/** The stores that the options name: derived tables, derived columns, then the others. */
export function makeStores(options: CheckedOptions): readonly StoreTarget[] {
  const { schema, connection, target, publication, slot, stores } = options
  const { tables, columns } = stores
  const pipeline = slot.name ?? 'dbsync'
  const isSource = isSameDatabase(connection, target)
  const made: StoreTarget[] = []
  if (tables.length > 0) {
    const store = new PostgresStore({
      connection: target,
      pipeline,
      tables: new Map(tables.map(({ view, ...table }) => [view.name, table])),
      enumTypes: isSource ? sourceEnumTypes(schema) : new Map(),
      publication: isSource ? publication : null,
    })
    made.push({ store, views: tables.map(({ view }) => view) })
  }
  if (columns.length > 0) {
    // Apart from the tables: what is written there need not be visible in the source yet.
    const store = new PostgresStore({
      connection,
      pipeline: `${pipeline} columns`,
      tables: new Map(),
      columns: new Map(columns.map((one) => [one.view.name, columnsOf(planDerivedColumns(one))])),
      enumTypes: sourceEnumTypes(schema),
      publication,
    })
    made.push({ store, views: columns.map(({ view }) => view) })
  }
  return [...made, ...stores.stores]
}
