import * as z from 'zod'
import { DbsyncError } from '../core/errors.ts'
import { hashContract } from './hash-contract.ts'
import type { ModelContract, SchemaContract } from './schema-contract.ts'

const name = z.string().min(1)

const columnForm = z.strictObject({
  field: name,
  column: name,
  type: z.enum([
    'String',
    'Int',
    'BigInt',
    'Float',
    'Decimal',
    'Boolean',
    'DateTime',
    'Json',
    'Bytes',
    'Enum',
  ]),
  enum: name.exactOptional(),
  pgType: name,
  list: z.boolean(),
  nullable: z.boolean(),
})

const relationForm = z.strictObject({
  field: name,
  model: name,
  fields: z.array(name).min(1),
  references: z.array(name).min(1),
})

const modelForm = z.strictObject({
  model: name,
  schema: name,
  table: name,
  columns: z.array(columnForm).min(1),
  key: z.array(name).min(1),
  keyIsPrimary: z.boolean(),
  uniques: z.array(z.array(name).min(1)).min(1).exactOptional(),
  relations: z.array(relationForm),
})

const enumForm = z.strictObject({
  name,
  schema: name,
  pgName: name,
  values: z.array(z.strictObject({ name, label: z.string() })).min(1),
})

const contractForm: z.ZodType<SchemaContract> = z.strictObject({
  version: z.literal(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits'),
  enums: z.array(enumForm),
  models: z.array(modelForm),
})

/** One fault of a contract and where it is, `models.Visit.key`. */
interface Fault {
  readonly path: string
  readonly problem: string
}

/**
 * The contract that a value claims to be, checked: its form, that its names agree with each other (keys,
 * relations and enums name what exists, nothing is there twice), and its hash.
 *
 * Throws: CONTRACT.INVALID naming the path of every fault, at most five in the message, all in `details`.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { parseContract } from 'prisma-dbsync'
 *
 * export const contract = parseContract(JSON.parse(readFileSync('generated/dbsync/contract.json', 'utf8')))
 * export const tables = contract.models.map(({ schema, table }) => `${schema}.${table}`)
 * ```
 */
export function parseContract(value: unknown): SchemaContract {
  const form = contractForm.safeParse(value)
  if (!form.success) {
    throw invalid(form.error.issues.map((issue) => ({ path: issue.path.join('.'), problem: issue.message })))
  }
  const faults = disagreements(form.data)
  if (faults.length > 0) throw invalid(faults)
  return form.data
}

function disagreements(contract: SchemaContract): Fault[] {
  const faults: Fault[] = []
  const say = (path: string, problem: string): void => {
    faults.push({ path, problem })
  }
  sayRepeated(
    'enums',
    contract.enums.map((item) => item.name),
    say,
  )
  for (const { name: enumName, values } of contract.enums) {
    sayRepeated(
      `enums.${enumName}.values`,
      values.map((item) => item.name),
      say,
    )
    sayRepeated(
      `enums.${enumName}.values`,
      values.map((item) => item.label),
      say,
    )
  }
  sayRepeated(
    'models',
    contract.models.map((item) => item.model),
    say,
  )
  sayRepeated(
    'models',
    contract.models.map((item) => JSON.stringify([item.schema, item.table])),
    say,
  )
  for (const model of contract.models) sayModelFaults(contract, model, say)
  if (faults.length === 0 && contract.hash !== hashContract(contract)) {
    say('hash', 'does not match the rest of the contract, which was edited after it was generated')
  }
  return faults
}

function sayModelFaults(
  contract: SchemaContract,
  model: ModelContract,
  say: (path: string, problem: string) => void,
): void {
  const at = `models.${model.model}`
  const columns = new Map(model.columns.map((column) => [column.field, column]))
  sayRepeated(
    `${at}.columns`,
    model.columns.map((column) => column.field),
    say,
  )
  sayRepeated(
    `${at}.columns`,
    model.columns.map((column) => column.column),
    say,
  )
  sayRepeated(`${at}.key`, model.key, say)
  for (const column of model.columns) {
    const path = `${at}.columns.${column.field}`
    if ((column.type === 'Enum') !== (column.enum !== undefined)) {
      say(path, '"enum" must be there exactly if the type is Enum')
    }
    if (column.enum !== undefined && !contract.enums.some((item) => item.name === column.enum)) {
      say(path, `names the enum "${column.enum}", which is not in the contract`)
    }
    if (column.list && column.nullable) say(path, 'a list is never nullable')
  }
  for (const field of model.key) {
    const column = columns.get(field)
    if (column === undefined) say(`${at}.key`, `names "${field}", which is no column`)
    else if (column.nullable || column.list) say(`${at}.key`, `"${field}" may be null or is a list`)
  }
  for (const field of model.uniques?.flat() ?? []) {
    if (!columns.has(field)) say(`${at}.uniques`, `names "${field}", which is no column`)
  }
  for (const relation of model.relations) {
    const path = `${at}.relations.${relation.field}`
    const target = contract.models.find((item) => item.model === relation.model)
    if (relation.fields.length !== relation.references.length) {
      say(path, '"fields" and "references" differ in length')
    }
    for (const field of relation.fields) {
      if (!columns.has(field)) say(path, `names "${field}", which is no column of ${model.model}`)
    }
    for (const field of relation.references) {
      if (target?.columns.every((column) => column.field !== field) ?? true) {
        say(path, `names "${field}", which is no column of ${relation.model}`)
      }
    }
  }
}

function sayRepeated(
  path: string,
  names: readonly string[],
  say: (path: string, problem: string) => void,
): void {
  for (const [index, item] of names.entries()) {
    if (names.indexOf(item) !== index) say(path, `"${item}" is there twice`)
  }
}

function invalid(faults: readonly Fault[]): DbsyncError {
  const shown = faults
    .slice(0, 5)
    .map(({ path, problem }) => `${path === '' ? 'contract' : path}: ${problem}`)
  const more = faults.length > shown.length ? `; and ${faults.length - shown.length} more` : ''
  return new DbsyncError(
    'CONTRACT.INVALID',
    `the generated contract is not valid: ${shown.join('; ')}${more}. It must come unedited from this ` +
      'version of prisma-dbsync; run `prisma generate`.',
    { details: { faults } },
  )
}
