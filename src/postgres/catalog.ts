import type pg from 'pg'
import type { ModelContract } from '../contract/schema-contract.ts'

/** A column as the catalog has it. */
export interface CatalogColumn {
  readonly name: string
  /** Its number in the table, which a rename leaves and no later column gets. */
  readonly number: number
  /** `format_type` of the element type, with the type modifier. */
  readonly type: string
  /** The element type's own name and its schema, for enums. */
  readonly typeName: string
  readonly typeSchema: string
  readonly isEnum: boolean
  readonly list: boolean
  /** Whether nothing keeps NULL out of it. */
  readonly nullable: boolean
  /** The oid of the column's type, as the stream names it. */
  readonly typeOid: number
  readonly isGenerated: boolean
  /** Whether two texts are equal exactly if their bytes are. */
  readonly isDeterministic: boolean
  /** Whether a large value may be stored out of line, so that an update that leaves it alone does not carry it. */
  readonly mayBeToasted: boolean
}

/** An index that a table's replica identity can use. */
export interface CatalogIndex {
  readonly name: string
  readonly columns: readonly string[]
}

/** How the WAL says which row a change is about. */
export interface CatalogIdentity {
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index'
  /** Columns of the replica identity's index: the primary key's for `default`. */
  readonly identity: readonly string[]
}

/** A table as the catalog has it. */
export interface CatalogTable extends CatalogIdentity {
  readonly oid: number
  /** `pg_class.relkind`. */
  readonly kind: string
  readonly isPermanent: boolean
  /** Without those that are dropped, by their numbers. */
  readonly columns: readonly CatalogColumn[]
  /** The highest number that a column has ever had. */
  readonly lastNumber: number
  readonly primaryKey: readonly string[]
  /** The partitions that hold rows, each of which has an identity of its own; empty for an ordinary table. */
  readonly partitions: readonly (CatalogIdentity & { readonly name: string })[]
  /** Of all, also of those that are partial or deferrable. */
  readonly indexNames: readonly string[]
  /** `primaryKey` is empty for one that is deferrable. */
  readonly hasPrimaryKey: boolean
  /** Column sets that no two rows share at any moment, not even inside a statement. */
  readonly uniqueKeys: readonly (readonly string[])[]
  /** Whether other tables inherit from it, whose changes carry their own names. */
  readonly hasChildren: boolean
  /** Unique indexes over columns that are never null. */
  readonly identityIndexes: readonly CatalogIndex[]
  /** Whether a row policy may hide rows from the role. */
  readonly hasRowSecurity: boolean
  readonly canUseSchema: boolean
  readonly canSelect: boolean
  readonly isOwner: boolean
}

/** Whether the WAL carries the changes of a table's rows: not those of a view, a foreign or an unlogged table. */
export function isOrdinary({ kind, isPermanent }: CatalogTable): boolean {
  return (kind === 'r' || kind === 'p') && isPermanent
}

const IDENTITIES: Readonly<Record<string, CatalogTable['replicaIdentity']>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
}

/** The columns of a table's identity, as an array. */
const identityOf = (table: string): string =>
  `ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
               JOIN pg_catalog.pg_attribute a ON a.attnum = k.attnum
               WHERE i.indrelid = ${table}.oid AND a.attrelid = ${table}.oid AND k.position <= i.indnkeyatts
                 AND CASE ${table}.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate WHEN 'i' THEN i.indisreplident
                     ELSE false END
               ORDER BY k.position)`

// Rights: none beyond connecting. Version: 14.
const READ_TABLE = `
  SELECT c.oid::int8::text AS oid, c.relkind AS kind, c.relpersistence AS persistence, c.relnatts::int AS last_number,
         c.relreplident AS identity, row_security_active(c.oid) AS row_security,
         has_schema_privilege(n.oid, 'USAGE') AS can_use_schema,
         has_table_privilege(c.oid, 'SELECT') AS can_select,
         pg_has_role(c.relowner, 'USAGE') AS is_owner,
         ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
               JOIN pg_catalog.pg_attribute a ON a.attnum = k.attnum
               WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate AND a.attrelid = c.oid AND k.position <= i.indnkeyatts
               ORDER BY k.position) AS primary_key,
         ${identityOf('c')} AS identity_columns,
         (WITH RECURSIVE tree AS (
            SELECT h.inhrelid AS oid FROM pg_catalog.pg_inherits h WHERE c.relkind = 'p' AND h.inhparent = c.oid
            UNION ALL SELECT h.inhrelid FROM tree JOIN pg_catalog.pg_inherits h ON h.inhparent = tree.oid)
          SELECT coalesce(jsonb_agg(jsonb_build_object('name', p.oid::regclass::text, 'replicaIdentity', p.relreplident,
                                                       'identity', ${identityOf('p')})), '[]')
          FROM pg_catalog.pg_class p JOIN tree USING (oid) WHERE p.relkind = 'r') AS partitions,
         coalesce((SELECT jsonb_agg((SELECT jsonb_agg(a.attname) FROM pg_catalog.pg_attribute a
                                     WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])))
                   FROM pg_catalog.pg_index i
                   WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
                     AND i.indexprs IS NULL), '[]') AS unique_keys,
         coalesce((SELECT jsonb_agg(jsonb_build_object('name', x.relname, 'columns',
                            (SELECT jsonb_agg(a.attname) FROM pg_catalog.pg_attribute a
                             WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))) ORDER BY x.relname)
                   FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                   WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
                     AND i.indexprs IS NULL
                     AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                                     WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
                                       AND NOT a.attnotnull)), '[]') AS identity_indexes,
         ARRAY(SELECT x.relname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
               WHERE i.indrelid = c.oid) AS index_names,
         EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_primary_key,
         c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid) AS has_children
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`

const READ_COLUMNS = `
  SELECT a.attname AS name, a.attnum::int AS number, a.atttypid::int8::text AS type_oid, a.attgenerated <> '' AS is_generated,
         coalesce(e.oid, t.oid) <> t.oid AS list,
         -- An extension's type is printed with its schema unless that is on the role's search_path.
         CASE coalesce(e.typname, t.typname) WHEN 'citext' THEN 'citext'
           ELSE pg_catalog.format_type(coalesce(e.oid, t.oid), a.atttypmod) END AS type,
         coalesce(e.typname, t.typname)::text AS type_name,
         (SELECT nspname::text FROM pg_catalog.pg_namespace WHERE oid = coalesce(e.typnamespace, t.typnamespace))
           AS type_schema,
         NOT (a.attnotnull OR t.typnotnull) AS nullable,
         coalesce(e.typtype, t.typtype) = 'e' AS is_enum,
         coalesce((SELECT collisdeterministic FROM pg_catalog.pg_collation WHERE oid = a.attcollation), true)
           AS is_deterministic,
         a.attstorage <> 'p' AND (SELECT c.reltoastrelid <> 0 OR c.relkind = 'p' FROM pg_catalog.pg_class c
                                  WHERE c.oid = a.attrelid) AS may_be_toasted
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attnum`

/** Reads one table from the catalog, or null if there is none of that name. */
export async function readCatalogTable(
  client: pg.ClientBase,
  model: Pick<ModelContract, 'schema' | 'table'>,
): Promise<CatalogTable | null> {
  const { rows } = await client.query<{
    oid: string
    kind: string
    persistence: string
    last_number: number
    identity: string
    row_security: boolean
    can_use_schema: boolean
    can_select: boolean
    is_owner: boolean
    primary_key: string[]
    identity_columns: string[]
    partitions: { name: string; replicaIdentity: string; identity: string[] }[]
    unique_keys: string[][]
    index_names: string[]
    has_primary_key: boolean
    identity_indexes: CatalogIndex[]
    has_children: boolean
  }>(READ_TABLE, [model.schema, model.table])
  const [row] = rows
  if (row === undefined) return null
  const columns = await client.query<{
    name: string
    number: number
    type_oid: string
    is_generated: boolean
    list: boolean
    type: string
    type_name: string
    type_schema: string
    nullable: boolean
    is_enum: boolean
    is_deterministic: boolean
    may_be_toasted: boolean
  }>(READ_COLUMNS, [row.oid])
  return {
    oid: Number(row.oid),
    kind: row.kind,
    isPermanent: row.persistence === 'p',
    replicaIdentity: IDENTITIES[row.identity] ?? 'nothing',
    columns: columns.rows.map((column) => ({
      name: column.name,
      number: column.number,
      type: column.type,
      typeName: column.type_name,
      typeSchema: column.type_schema,
      isEnum: column.is_enum,
      list: column.list,
      nullable: column.nullable,
      typeOid: Number(column.type_oid),
      isGenerated: column.is_generated,
      isDeterministic: column.is_deterministic,
      mayBeToasted: column.may_be_toasted,
    })),
    lastNumber: row.last_number,
    primaryKey: row.primary_key,
    identity: row.identity_columns,
    partitions: row.partitions.map((partition) => ({
      ...partition,
      replicaIdentity: IDENTITIES[partition.replicaIdentity] ?? 'nothing',
    })),
    indexNames: row.index_names,
    hasPrimaryKey: row.has_primary_key,
    uniqueKeys: row.unique_keys,
    hasChildren: row.has_children,
    identityIndexes: row.identity_indexes,
    hasRowSecurity: row.row_security,
    canUseSchema: row.can_use_schema,
    canSelect: row.can_select,
    isOwner: row.is_owner,
  }
}
