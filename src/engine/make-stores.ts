import type { ConnectionTarget } from '../postgres/resolve-connection.ts'
import { sourceEnumTypes } from '../stores/postgres/enum-types.ts'
import { PostgresStore } from '../stores/postgres/postgres-store.ts'
import type { CheckedOptions } from './options.ts'
import type { StoreTarget } from './store-options.ts'

/** The stores that the options name: derived tables first. */
export function makeStores(options: CheckedOptions): readonly StoreTarget[] {
  const { schema, connection, target, publication, slot } = options
  const { tables, stores } = options.stores
  if (tables.length === 0) return stores
  const isSource = isSameDatabase(connection, target)
  const store = new PostgresStore({
    connection: target,
    pipeline: slot.name ?? 'dbsync',
    tables: new Map(tables.map(({ view, ...table }) => [view.name, table])),
    enumTypes: isSource ? sourceEnumTypes(schema) : new Map(),
    publication: isSource ? publication : null,
  })
  return [{ store, views: tables.map(({ view }) => view) }, ...stores]
}

/** Without a target of its own the derived tables lie beside their sources. */
function isSameDatabase(connection: ConnectionTarget, target: ConnectionTarget): boolean {
  return connection === target
}
