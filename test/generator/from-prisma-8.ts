import * as z from 'zod'
import { sealContract } from '../../src/contract/hash-contract.ts'
import type {
  ColumnContract,
  ModelContract,
  RelationContract,
  ScalarType,
  SchemaContract,
} from '../../src/contract/schema-contract.ts'

/*
 * A second front end: the contract of this package made of Prisma 8's `contract.json`, as far as the running example goes. It
 * shows that nothing in our contract is of the data model that Prisma 7 hands to generators.
 *
 * What `contract.json` lacks: the order of fields, relations and tables (its objects are sorted by name), so columns come by
 * name here; comments; the names of foreign keys. What it has and ours leaves out: defaults, indexes, checks, actions of
 * foreign keys, value objects, variants, relations of the side without the foreign key.
 * What is not mapped yet: enums (`pg/enum@1` with the value set of its type, and texts with a value set, which are checks and
 * no types of Postgres), and value objects (jsonb).
 */

const parameters = z.object({
  length: z.number().optional(),
  precision: z.number().optional(),
  scale: z.number().optional(),
})

const columnForm = z.object({
  codecId: z.string(),
  nativeType: z.string(),
  nullable: z.boolean(),
  many: z.boolean().default(false),
  typeParams: parameters.optional(),
  typeRef: z.string().optional(),
})

const columnsForm = z.object({ columns: z.array(z.string()) })

const tableForm = z.object({
  columns: z.record(z.string(), columnForm),
  primaryKey: columnsForm.optional(),
  uniques: z.array(columnsForm),
  foreignKeys: z.array(
    z.object({ source: columnsForm, target: z.object({ namespaceId: z.string(), tableName: z.string() }) }),
  ),
})

const modelForm = z.object({
  fields: z.record(z.string(), z.object({ nullable: z.boolean() })),
  relations: z.record(
    z.string(),
    z.object({
      to: z.object({ model: z.string(), namespace: z.string() }),
      on: z.object({ localFields: z.array(z.string()), targetFields: z.array(z.string()) }),
    }),
  ),
  storage: z.object({
    table: z.string(),
    namespaceId: z.string(),
    fields: z.record(z.string(), z.object({ column: z.string() })),
  }),
})

const contractForm = z.object({
  schemaVersion: z.literal('1'),
  target: z.literal('postgres'),
  domain: z.object({
    namespaces: z.record(z.string(), z.object({ models: z.record(z.string(), modelForm) })),
  }),
  storage: z.object({
    namespaces: z.record(
      z.string(),
      z.object({ entries: z.object({ table: z.record(z.string(), tableForm) }) }),
    ),
    types: z.record(z.string(), z.object({ typeParams: parameters.optional() })).default({}),
  }),
})

type Contract8 = z.infer<typeof contractForm>
type Model8 = z.infer<typeof modelForm>
type Table8 = z.infer<typeof tableForm>
type Column8 = z.infer<typeof columnForm>

/** What a codec shows, by its id without the version. */
const SCALARS: Readonly<Record<string, Exclude<ScalarType, 'Enum'>>> = {
  'pg/text': 'String',
  'pg/uuid': 'String',
  'pg/inet': 'String',
  'pg/char': 'String',
  'pg/varchar': 'String',
  'sql/char': 'String',
  'sql/varchar': 'String',
  'pg/int2': 'Int',
  'pg/int4': 'Int',
  'pg/int8number': 'Int',
  'pg/int8': 'BigInt',
  'pg/float8': 'Float',
  'pg/numeric': 'Decimal',
  'pg/bool': 'Boolean',
  'pg/date': 'DateTime',
  'pg/time': 'DateTime',
  'pg/timetz': 'DateTime',
  'pg/timestamp': 'DateTime',
  'pg/timestamptz': 'DateTime',
  'pg/json': 'Json',
  'pg/jsonb': 'Json',
  'pg/bytea': 'Bytes',
}

/** Native types that `format_type` prints under another name; `#` is the place of the modifiers, else they come last. */
const NATIVE: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float8: 'double precision',
  bool: 'boolean',
  time: 'time# without time zone',
  timetz: 'time# with time zone',
  timestamp: 'timestamp# without time zone',
  timestamptz: 'timestamp# with time zone',
}

/**
 * Makes the contract of Prisma 8's `contract.json`: models by name, their columns and relations by name.
 *
 * Throws: ZodError for another shape, Error for a type or a table that it does not know.
 */
export function fromPrisma8(json: unknown): SchemaContract {
  const contract = contractForm.parse(json)
  const models = Object.values(contract.domain.namespaces)
    .flatMap((namespace) => Object.entries(namespace.models))
    .toSorted(byName)
    .map(([name, model]) => toModel(contract, name, model))
  return sealContract({ version: 1, enums: [], models })
}

function toModel(contract: Contract8, name: string, model: Model8): ModelContract {
  const { namespaceId, table } = model.storage
  const stored = found(contract.storage.namespaces[namespaceId]?.entries.table[table], `table ${table}`)
  const fields = Object.entries(model.storage.fields).toSorted(byName)
  const columns = fields.map(([field, { column }]) =>
    toColumn(contract, field, column, found(stored.columns[column], `column ${column}`)),
  )
  const fieldsOf = (names: readonly string[]): readonly string[] =>
    names.map((one) => found(fields.find(([, { column }]) => column === one)?.[0], `field of ${one}`))
  const isNeverNull = (names: readonly string[]): boolean =>
    names.every((one) => stored.columns[one]?.nullable === false && !stored.columns[one].many)
  const uniques = stored.uniques.map((unique) => unique.columns)
  const key = found(stored.primaryKey?.columns ?? uniques.find(isNeverNull), `key of ${name}`)
  const others = uniques.filter((unique) => unique.join() !== key.join()).map(fieldsOf)
  return {
    model: name,
    schema: namespaceId,
    table,
    columns,
    key: fieldsOf(key),
    keyIsPrimary: stored.primaryKey !== undefined,
    ...(others.length === 0 ? {} : { uniques: others }),
    relations: toRelations(contract, model, stored),
  }
}

function toColumn(contract: Contract8, field: string, name: string, column: Column8): ColumnContract {
  const [codec = ''] = column.codecId.split('@')
  return {
    field,
    column: name,
    type: found(SCALARS[codec], `codec ${column.codecId}`),
    pgType: pgTypeOf(contract, column),
    list: column.many,
    nullable: column.nullable && !column.many,
  }
}

function pgTypeOf(contract: Contract8, { nativeType, typeParams, typeRef }: Column8): string {
  const shared = typeRef === undefined ? undefined : contract.storage.types[typeRef]?.typeParams
  const { length, precision, scale } = typeParams ?? shared ?? {}
  const values = [length, precision, scale].filter((value) => value !== undefined)
  const modifiers = values.length === 0 ? '' : `(${values.join(',')})`
  const name = NATIVE[nativeType] ?? nativeType
  return name.includes('#') ? name.replace('#', modifiers) : `${name}${modifiers}`
}

/** The relations whose foreign key stands in the model's own table. */
function toRelations(contract: Contract8, model: Model8, stored: Table8): readonly RelationContract[] {
  const columnOf = (field: string): string | undefined => model.storage.fields[field]?.column
  return Object.entries(model.relations)
    .toSorted(byName)
    .filter(([, { to, on }]) => {
      const target = contract.domain.namespaces[to.namespace]?.models[to.model]?.storage
      return stored.foreignKeys.some(
        (key) =>
          key.source.columns.join() === on.localFields.map(columnOf).join() &&
          key.target.tableName === target?.table &&
          key.target.namespaceId === target.namespaceId,
      )
    })
    .map(([field, { to, on }]) => ({
      field,
      model: to.model,
      fields: on.localFields,
      references: on.targetFields,
    }))
}

function found<T>(item: T | undefined, what: string): T {
  if (item === undefined) throw new Error(`contract.json: no ${what} that is known here`)
  return item
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
