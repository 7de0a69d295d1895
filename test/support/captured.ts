import { modelOf } from '../../src/contract/lookup.ts'
import type { ModelContract } from '../../src/contract/schema-contract.ts'
import type { CapturedTable } from '../../src/changes/change-applier.ts'
import type { CatalogTable } from '../../src/postgres/catalog.ts'
import type { Chunk } from '../../src/snapshot/chunk-reader.ts'
import { parseSnapshot } from '../../src/snapshot/visibility.ts'
import { compileViews } from '../../src/views/compile/compile.ts'
import type { ViewNetwork } from '../../src/views/compile/view-network.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import type { SourceTable } from '../../src/zset/source-table.ts'
import { schema } from '../conformance/fixture.ts'
import { copyFrame, type WireTable, type WireValue } from './pgoutput.ts'

/** A model of the conformance schema, as the catalog, the stream and a store have it. */
export interface Captured extends CapturedTable {
  readonly replica: ViewNetwork
  readonly wire: WireTable
  /** A wire row from some fields; the others are NULL. */
  readonly row: (values: Readonly<Record<string, WireValue>>) => WireValue[]
  /** The rows that the table holds, as texts of the fields that it keeps, by key. */
  readonly rows: () => Map<string, string>
}

const TYPE_OID = 25

/** Compiles views and captures one of their tables; its columns come in the catalog's order, not the contract's. */
export function capture(
  model: string,
  views: readonly ViewDefinition[],
  options: {
    readonly oid?: number
    readonly identity?: WireTable['identity']
    readonly replica?: ViewNetwork
  } = {},
): Captured {
  const { oid = 16_384, identity = 'd' } = options
  const replica =
    options.replica ??
    compileViews(
      schema,
      views.map(({ ir }) => ir),
    )
  const table = replica.tables.get(model)
  if (table === undefined) throw new Error(`no view reads ${model}`)
  const contract = modelOf(schema, model)
  // A column that the contract does not know comes first: positions on the wire are not the contract's.
  const names = ['legacy', ...contract.columns.map(({ column }) => column).toReversed()]
  const keys = contract.key.map((field) => columnName(contract, field))
  const catalog: CatalogTable = {
    oid,
    kind: 'r',
    isPermanent: true,
    replicaIdentity: identity === 'f' ? 'full' : 'default',
    columns: names.map((name, index) => ({
      name,
      number: index + 1,
      type: 'text',
      typeName: 'text',
      typeSchema: 'pg_catalog',
      isEnum: false,
      list: false,
      nullable: true,
      typeOid: TYPE_OID,
      isGenerated: false,
      isDeterministic: true,
      mayBeToasted: false,
    })),
    lastNumber: names.length,
    primaryKey: keys,
    identity: keys,
    partitions: [],
    indexNames: [],
    hasPrimaryKey: true,
    uniqueKeys: [keys],
    hasChildren: false,
    identityIndexes: [],
    hasRowSecurity: false,
    canUseSchema: true,
    canSelect: true,
    isOwner: true,
  }
  const wire: WireTable = {
    oid,
    schema: contract.schema,
    name: contract.table,
    identity,
    columns: names.map((name, index) => ({
      name,
      number: index + 1,
      typeOid: TYPE_OID,
      isKey: identity === 'f' || keys.includes(name),
    })),
  }
  return {
    model: contract,
    catalog,
    table,
    replica,
    wire,
    row: (values) =>
      names.map((name) => {
        const field = contract.columns.find(({ column }) => column === name)?.field
        return field === undefined ? 'from before' : (values[field] ?? null)
      }),
    rows: () => rowsOf(table),
  }
}

function columnName(model: ModelContract, field: string): string {
  const column = model.columns.find((candidate) => candidate.field === field)
  if (column === undefined) throw new Error(field)
  return column.column
}

function rowsOf(table: SourceTable): Map<string, string> {
  const rows = new Map<string, string>()
  const text = (value: unknown): string =>
    typeof value === 'string' ? value : value === null ? 'NULL' : `${value as number}`
  for (const slot of table.slots()) {
    const key = table.keyColumns.map((column) => text(column.value(slot))).join('|')
    const row = table.columns
      .map((column) => `${column.contract.field}=${text(column.value(slot))}`)
      .join(' ')
    if (rows.has(key)) throw new Error(`two live rows under key ${key}`)
    rows.set(key, row)
  }
  return rows
}

/** A chunk of a captured table, its rows given by field. */
export function chunkOf(
  captured: Captured,
  snapshot: string,
  rows: readonly Readonly<Record<string, string | null>>[],
): Chunk {
  const { table, model } = captured
  const fields = table.columns.map(({ contract }) => contract.field)
  const buffer = Buffer.concat(rows.map((row) => copyFrame(fields.map((field) => row[field] ?? null))))
  return {
    watermark: 'w',
    table: {
      model,
      columns: table.columns.map(({ contract }) => contract.column),
      key: table.keyColumns.map(({ contract }) => contract.column),
    },
    range: { kind: 'after', key: null, limit: 1_000 },
    snapshot: parseSnapshot(snapshot),
    spans: buffer.length === 0 ? [] : [{ buffer, from: 0, to: buffer.length }],
    rows: rows.length,
    bytes: buffer.length,
    lastKey: null,
    isLast: true,
  }
}
