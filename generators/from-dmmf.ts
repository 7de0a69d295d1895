import { sealContract } from '../src/contract/hash-contract.ts'
import type {
  ColumnContract,
  EnumContract,
  ModelContract,
  RelationContract,
  SchemaContract,
} from '../src/contract/schema-contract.ts'
import type { Datamodel, DatamodelEnum, DatamodelField, DatamodelModel } from './datamodel.ts'
import { joinTables } from './join-tables.ts'
import type { ContractOptions } from './options.ts'
import { pickModels } from './pick-models.ts'
import type { Report } from './report.ts'
import type { SchemaText } from './schema-text.ts'
import { enumSchema, toColumn, type Context } from './to-column.ts'

/** A contract and the `///` comments of its parts, by `Model`, `Model.field`, `Enum`, `Enum.VALUE`. */
export interface DocumentedContract {
  readonly contract: SchemaContract
  readonly docs: ReadonlyMap<string, string>
}

/**
 * Turns Prisma's data model into the contract.
 *
 * Order: models and enums by name, so that splitting a schema into files changes nothing, the tables of
 *   many-to-many relations after the others; columns and relations as in the schema.
 * Problems and notes go to the report; a model with a problem is left out, which is why the caller must
 *   not go on while there is one.
 */
export function fromDmmf(
  datamodel: Datamodel,
  text: SchemaText,
  options: ContractOptions,
  report: Report,
): DocumentedContract {
  const picked = pickModels(options.models)
  const context = { datamodel, text, options, report, picked }
  const all = datamodel.models.filter((model) => !text.views.has(model.name)).toSorted(byName)
  const tables = all.filter(({ name }) => picked.has(name))
  for (const name of [...text.views].toSorted()) {
    if (!picked.has(name)) continue
    report.notes.push(`${name} is a view: views are not in the WAL, so it has no events and no handle.`)
  }
  const joins = joinTables(all, context)
  const models = [
    ...tables.flatMap((model) => toModel(model, context) ?? []),
    ...joins.map(({ model }) => model),
  ]
  checkTables(models, report)
  const used = new Set(models.flatMap(({ columns }) => columns.map((column) => column.enum)))
  const enums = datamodel.enums.filter(({ name }) => picked.isAll || used.has(name)).toSorted(byName)
  return {
    contract: sealContract({
      version: 1,
      enums: enums.map((item) => toEnum(item, context)),
      models,
    }),
    docs: new Map([...collectDocs(tables, enums), ...joins.flatMap(({ docs }) => docs)]),
  }
}

function toModel(model: DatamodelModel, context: Context): ModelContract | undefined {
  const { report, options } = context
  const problems = report.problems.length
  const columns = model.fields
    .filter((field) => field.kind !== 'object')
    .flatMap((field) => toColumn(model.name, field, context) ?? [])
  const key = keyOf(model, columns, report)
  if (report.problems.length > problems || key === undefined) return undefined
  return {
    model: model.name,
    schema: model.schema ?? options.defaultSchema,
    table: model.dbName ?? model.name,
    columns,
    key: key.fields,
    keyIsPrimary: key.isPrimary,
    ...uniquesOf(model, columns, key.fields),
    relations: model.fields.flatMap((field) => toRelation(field, context) ?? []),
  }
}

function toRelation(field: DatamodelField, { text, picked }: Context): RelationContract | undefined {
  const fields = field.relationFromFields ?? []
  if (field.kind !== 'object' || fields.length === 0) return undefined
  if (text.views.has(field.type) || !picked.has(field.type)) return undefined
  return { field: field.name, model: field.type, fields, references: field.relationToFields ?? [] }
}

function toEnum({ name, dbName, values }: DatamodelEnum, context: Context): EnumContract {
  return {
    name,
    schema: enumSchema(name, context),
    pgName: dbName ?? name,
    values: values.map((value) => ({ name: value.name, label: value.dbName ?? value.name })),
  }
}

/** The primary key; else the first unique whose columns are never null, single columns before composites. */
function keyOf(
  model: DatamodelModel,
  columns: readonly ColumnContract[],
  report: Report,
): { readonly fields: readonly string[]; readonly isPrimary: boolean } | undefined {
  const problem = (found: string, fix: string): undefined => {
    report.problems.push({ code: 'GENERATOR.UNSUPPORTED_SCHEMA', where: model.name, found, fix })
  }
  const usable = (fields: readonly string[]): boolean =>
    fields.every((name) => {
      const column = columns.find((item) => item.field === name)
      return column !== undefined && !column.nullable && !column.list
    })
  const single = (test: (field: DatamodelField) => boolean): readonly string[][] =>
    model.fields.filter(test).map((field) => [field.name])
  const primary = model.primaryKey?.fields ?? single((field) => field.isId)[0]
  if (primary !== undefined) {
    if (usable(primary)) return { fields: primary, isPrimary: true }
    return problem(
      `its key (${primary.join(', ')}) has a column that Prisma does not show or that is a list`,
      'Give it an @id over columns that Prisma Client can read.',
    )
  }
  const unique = [...single((field) => field.isUnique), ...model.uniqueFields].find(usable)
  if (unique === undefined) {
    return problem(
      'it has no @id and no @unique over required fields, so its rows cannot be told apart',
      'Add an @id, or @@id([…]), or mark a required field @unique. Or leave the model out, with @@ignore or by the option models = ["!…"].',
    )
  }
  report.notes.push(
    `${model.name} has no @id; its unique (${unique.join(', ')}) serves as its key. Postgres refuses UPDATE and ` +
      'DELETE on a published table without a replica identity: before the first start, run ' +
      'ALTER TABLE … REPLICA IDENTITY USING INDEX … with that unique index, or give the model an @id.',
  )
  return { fields: unique, isPrimary: false }
}

/** The uniques beside the key. One over a column that the contract lacks says nothing about the others. */
function uniquesOf(
  { fields, uniqueFields }: DatamodelModel,
  columns: readonly ColumnContract[],
  key: readonly string[],
): Pick<ModelContract, 'uniques'> {
  const single = fields.filter(({ isUnique }) => isUnique).map(({ name }) => [name])
  const uniques = [...single, ...uniqueFields].filter(
    (unique) =>
      unique.join() !== key.join() && unique.every((name) => columns.some(({ field }) => field === name)),
  )
  return uniques.length === 0 ? {} : { uniques }
}

/** Two models of one table can only come from join tables: Prisma has looked at the others. */
function checkTables(models: readonly ModelContract[], report: Report): void {
  const owners = new Map<string, string>()
  for (const { model, schema, table } of models) {
    const name = JSON.stringify([schema, table])
    const owner = owners.get(name)
    if (owner !== undefined) {
      report.problems.push({
        code: 'GENERATOR.UNSUPPORTED_SCHEMA',
        where: model,
        found: `its table ${schema}.${table} is that of ${owner === model ? 'another relation' : owner}, too`,
        fix: 'Give each many-to-many relation a name of its own: @relation("…").',
      })
    }
    owners.set(name, model)
  }
}

function collectDocs(
  models: readonly DatamodelModel[],
  enums: readonly DatamodelEnum[],
): Map<string, string> {
  const docs = new Map<string, string>()
  const put = (path: string, documentation: string | undefined): void => {
    if (documentation !== undefined && documentation.trim() !== '') docs.set(path, documentation)
  }
  for (const { name, documentation, fields } of models) {
    put(name, documentation)
    for (const field of fields) put(`${name}.${field.name}`, field.documentation)
  }
  for (const { name, documentation, values } of enums) {
    put(name, documentation)
    for (const value of values) put(`${name}.${value.name}`, value.documentation)
  }
  return docs
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}
