import { lsn, type Lsn } from '../../src/core/lsn.ts'
import { PostgresStore, type PostgresStoreOptions } from '../../src/stores/postgres/postgres-store.ts'
import type { StoreBatch, StoredColumn, StoredValues, StoredView } from '../../src/stores/view-store.ts'
import type { TestDatabase } from './database.ts'

/** A column of a stored view; `type[]` is a list, `type?` may be NULL. */
export function column(name: string, pgType: string): StoredColumn {
  const nullable = pgType.endsWith('?')
  const bare = nullable ? pgType.slice(0, -1) : pgType
  const list = bare.endsWith('[]')
  return {
    name,
    type: { scalar: 'String', pgType: list ? bare.slice(0, -2) : bare, list, nullable },
    rows: null,
  }
}

/** A stored view by hand: types by name. */
export function storedView(
  name: string,
  key: readonly string[],
  types: Readonly<Record<string, string>>,
  fingerprint = '1',
): StoredView {
  return { name, key, columns: Object.entries(types).map(([at, type]) => column(at, type)), fingerprint }
}

/** A store over these views, each in a table of its name in the schema `derived`. */
export function storeOf(
  db: Pick<TestDatabase, 'url'>,
  views: readonly StoredView[],
  options: Partial<PostgresStoreOptions> & { readonly schema?: string } = {},
): PostgresStore & AsyncDisposable {
  const { schema = 'derived', ...others } = options
  const store = new PostgresStore({
    connection: db.url,
    pipeline: 'p',
    tables: new Map(views.map(({ name }) => [name, { schema, table: name, indexes: [] }])),
    enumTypes: new Map(),
    publication: null,
    ...others,
  })
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() })
}

/** A position. */
export const at = (position: number): Lsn => lsn(BigInt(position))

/** What one batch does to one view. */
export interface BatchOf {
  readonly view: StoredView
  readonly deletes?: readonly StoredValues[]
  readonly rows?: readonly StoredValues[]
}

/** Writes a batch. */
export async function write(
  store: PostgresStore,
  kind: StoreBatch['kind'],
  position: number,
  parts: readonly BatchOf[],
): Promise<void> {
  await store.begin({ kind, views: parts.map(({ view }) => view) })
  for (const { view, deletes } of parts) if (deletes !== undefined) await store.delete(view, deletes)
  for (const { view, rows } of parts) if (rows !== undefined) await store.upsert(view, rows)
  await store.commit(at(position))
}
