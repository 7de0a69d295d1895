import { quoteIdentifier } from '../core/quote.ts'
import { isJoinTable } from '../contract/is-join-table.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import type { CatalogIdentity, CatalogTable } from './catalog.ts'
import { problem, type Problem } from './finding.ts'
import { tableName } from './table-name.ts'

/** Checks that the WAL carries the old key of every changed row, and that no two rows share a key. */
export function checkIdentity(model: ModelContract, table: CatalogTable): readonly Problem[] {
  const key = keyColumns(model)
  const name = tableName(model)
  const isUnique = table.uniqueKeys.some((unique) => unique.every((column) => key.includes(column)))
  // A partition's rows come with the partition's own identity.
  const unusable = [{ ...table, name }, ...table.partitions].find((candidate) => !carries(candidate, key))
  if (unusable === undefined) {
    if (isUnique) return []
    return [
      problem(
        'CHANGES.REPLICA_IDENTITY',
        `${name} has no unique index over (${key.join(', ')}) that is checked at once (not DEFERRABLE, not partial), ` +
          `so two rows may share the key that DBSync knows them by. ${otherKey(model, table)}Add a primary key or unique constraint ` +
          'over those columns.',
        {
          sql: [addKeySql(model, table)],
          details: { model: model.model, table: model.table },
        },
      ),
    ]
  }
  const { replicaIdentity, identity } = unusable
  const isPartition = unusable.name !== name
  const found =
    identity.length === 0
      ? `has no usable replica identity (${replicaIdentity}${table.primaryKey.length > 0 ? '' : table.hasPrimaryKey ? ', a primary key that is DEFERRABLE' : ', no primary key'})`
      : `has a replica identity of (${identity.join(', ')})`
  return [
    problem(
      'CHANGES.REPLICA_IDENTITY',
      `${isPartition ? `Partition ${unusable.name} of ${name}` : name} ${found}; DBSync needs the old value of ` +
        `(${key.join(', ')}) with each UPDATE and DELETE. In a publication a table without one makes the application's ` +
        `own UPDATE and DELETE fail. ${otherKey(model, table)}Add a primary key, or run ` +
        `"ALTER TABLE ${unusable.name} REPLICA IDENTITY FULL", or USING INDEX with a unique index over those columns.`,
      {
        sql: isPartition
          ? [`ALTER TABLE ${unusable.name} REPLICA IDENTITY FULL;`]
          : identitySql(model, table, isUnique),
        details: { model: model.model, table: model.table, replicaIdentity },
      },
    ),
  ]
}

/** Whether the primary key is over other columns than the contract says; their order does not matter. */
export function hasOtherKey(model: ModelContract, { primaryKey }: CatalogTable): boolean {
  const key = keyColumns(model)
  const isSame = key.length === primaryKey.length && key.every((column) => primaryKey.includes(column))
  return model.keyIsPrimary && primaryKey.length > 0 && !isSame
}

function otherKey(model: ModelContract, table: CatalogTable): string {
  if (!hasOtherKey(model, table) || isJoinTable(model)) return ''
  const key = table.primaryKey.join(', ')
  return `If its primary key (${key}) is right, correct model ${model.model} in schema.prisma and run prisma generate. `
}

/** Whether the old key of a row comes with its change. */
function carries({ replicaIdentity, identity }: CatalogIdentity, key: readonly string[]): boolean {
  return key.length > 0 && (replicaIdentity === 'full' || key.every((column) => identity.includes(column)))
}

/** The cheapest identity that carries the key: the primary key's, a unique index's, else the whole row. */
function identitySql(model: ModelContract, table: CatalogTable, isUnique: boolean): readonly string[] {
  const key = keyColumns(model)
  const alter = `ALTER TABLE ${tableName(model)}`
  const covers = (columns: readonly string[]): boolean => key.every((column) => columns.includes(column))
  const useDefault = `${alter} REPLICA IDENTITY DEFAULT;`
  if (table.primaryKey.length > 0 && covers(table.primaryKey)) return [useDefault]
  const index = table.identityIndexes.find(({ columns }) => covers(columns))
  const useIndex =
    index === undefined ? [] : [`${alter} REPLICA IDENTITY USING INDEX ${quoteIdentifier(index.name)};`]
  if (isUnique) return useIndex.length > 0 ? useIndex : [`${alter} REPLICA IDENTITY FULL;`]
  const addKey = addKeySql(model, table)
  if (!addKey.includes(' PRIMARY KEY ')) return [addKey, `${alter} REPLICA IDENTITY FULL;`]
  return table.replicaIdentity === 'default' ? [addKey] : [addKey, useDefault]
}

function addKeySql(model: ModelContract, table: CatalogTable): string {
  const columns = keyColumns(model).map(quoteIdentifier).join(', ')
  const kind = model.keyIsPrimary && !table.hasPrimaryKey ? 'PRIMARY KEY' : 'UNIQUE'
  return `ALTER TABLE ${tableName(model)} ADD ${kind} (${columns});`
}

function keyColumns(model: ModelContract): readonly string[] {
  return columnsOf(model, model.key)
}

/** The names that fields of a model have in the database. */
export function columnsOf(model: ModelContract, fields: readonly string[]): readonly string[] {
  return fields.map((field) => model.columns.find((column) => column.field === field)?.column ?? field)
}
