import type { ColumnContract } from '../src/contract/schema-contract.ts'
import type { Datamodel, DatamodelField } from './datamodel.ts'
import { isScalar, nativeTypeName } from './native-type.ts'
import type { ContractOptions } from './options.ts'
import { quoteIdentifier } from './quote-identifier.ts'
import type { PickedModels } from './pick-models.ts'
import type { Report } from './report.ts'
import type { SchemaText } from './schema-text.ts'

/** Everything that one model needs to be read. */
export interface Context {
  readonly datamodel: Datamodel
  readonly text: SchemaText
  readonly options: ContractOptions
  readonly report: Report
  readonly picked: PickedModels
}

/** The column of a field that is no relation; undefined, and a problem in the report, if its type is not known. */
export function toColumn(model: string, field: DatamodelField, context: Context): ColumnContract | undefined {
  const { datamodel, report } = context
  const names = { field: field.name, column: field.dbName ?? field.name }
  const shape = { list: field.isList, nullable: !field.isRequired && !field.isList }
  if (field.kind === 'enum') {
    const declared = datamodel.enums.find((item) => item.name === field.type)
    const pgName = quoteIdentifier(declared?.dbName ?? field.type)
    const schema = enumSchema(field.type, context)
    // As format_type prints it under the default search_path.
    const pgType = schema === 'public' ? pgName : `${quoteIdentifier(schema)}.${pgName}`
    return { ...names, type: 'Enum', enum: field.type, pgType, ...shape }
  }
  const pgType = isScalar(field.type) ? nativeTypeName(field.type, field.nativeType) : undefined
  if (!isScalar(field.type) || pgType === undefined) {
    report.problems.push({
      code: 'GENERATOR.UNSUPPORTED_SCHEMA',
      where: `${model}.${field.name}`,
      found: `the type ${field.type}${field.nativeType ? ` @db.${field.nativeType[0]}` : ''} is not known`,
      fix: 'Use another type, or hide the field from Prisma with Unsupported("…") or @ignore.',
    })
    return undefined
  }
  if (pgType === 'money') {
    report.notes.push(
      `${model}.${field.name} is money, whose text depends on the server's lc_monetary: a sync that reads it is refused. Use @db.Decimal(…).`,
    )
  }
  return { ...names, type: field.type, pgType, ...shape }
}

/** The Postgres schema of an enum. */
export function enumSchema(name: string, { text, options }: Context): string {
  return text.enumSchemas.get(name) ?? options.defaultSchema
}
