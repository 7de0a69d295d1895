import { mayBeAbsent } from '../src/contract/may-be-absent.ts'
import type { ColumnContract, ModelContract } from '../src/contract/schema-contract.ts'
import { docComment } from './doc-comment.ts'
import { quote } from './emit-contract.ts'
import type { LocalNames } from './emit.ts'

/**
 * The types of one model: its row as Prisma Client returns it, its key, what an update and a delete know,
 * one interface for each kind of change, their union, and the handlers.
 */
export function emitModel(
  model: ModelContract,
  docs: ReadonlyMap<string, string>,
  local: LocalNames,
): string {
  const name = model.model
  const isKey = (column: ColumnContract): boolean => model.key.includes(column.field)
  const isOptional = (column: ColumnContract): boolean => mayBeAbsent(model, column)
  const rowInterface = (
    suffix: string,
    doc: string,
    columns: readonly ColumnContract[],
    mayLack: (column: ColumnContract) => boolean,
  ): string => {
    const fields = columns.map((column) => {
      const fieldDoc = docComment(docs.get(`${name}.${column.field}`), '  ')
      return `${fieldDoc}  ${column.field}${mayLack(column) ? '?' : ''}: ${typeOf(column, local)}\n`
    })
    return `${docComment(doc)}export interface ${name}${suffix} {\n${fields.join('')}}\n`
  }
  const key = model.key.flatMap((field) => model.columns.find((column) => column.field === field) ?? [])
  const lacks = lacksValues(model)
  const parts = [
    rowInterface(
      'Row',
      docs.get(name) ?? `A row of ${name}, as Prisma Client returns it.`,
      model.columns,
      () => false,
    ),
    rowInterface('Key', `The key of a row of ${name}.`, key, () => false),
    rowInterface(
      'Before',
      `What the WAL tells of an old row of ${name}: its key, and the rest only with REPLICA IDENTITY FULL.`,
      model.columns,
      (column) => !isKey(column),
    ),
    ...(lacks
      ? [
          rowInterface(
            'After',
            `A row of ${name} after an update. Postgres does not send a value that it stores out of line (TOAST) and that the\nupdate left alone; such a field is absent.`,
            model.columns,
            isOptional,
          ),
        ]
      : []),
    ...emitChanges(name, lacks ? `${name}After` : `${name}Row`, local),
  ]
  return parts.join('\n')
}

/** Whether an update may leave out values of the model: then `After` is another type than `Row`. */
export function lacksValues(model: ModelContract): boolean {
  return model.columns.some((column) => mayBeAbsent(model, column))
}

function emitChanges(name: string, after: string, local: LocalNames): readonly string[] {
  const change = (suffix: string, doc: string, fields: readonly string[]): string =>
    `/** ${doc} */\nexport interface ${name}${suffix} {\n  readonly model: ${quote(name)}\n` +
    `  readonly op: ${quote(suffix.toLowerCase())}\n${fields.map((field) => `  readonly ${field}\n`).join('')}` +
    `  readonly tx: ${local('TransactionInfo')}\n}\n`
  const key = `key: ${name}Key`
  const row = `after: ${name}Row`
  const ops = ['Read', 'Insert', 'Update', 'Delete', 'Truncate']
  const handlers = ops.map((op) => `  ${op.toLowerCase()}?(change: ${name}${op}): void | Promise<void>\n`)
  return [
    change('Read', `A row of ${name} as it was found when the table was read.`, [key, row]),
    change('Insert', `A new row of ${name}.`, [key, row]),
    change('Update', `A row of ${name} with new values; \`key\` is its key after the update.`, [
      key,
      `before: ${name}Before | undefined`,
      `after: ${after}`,
      `changed: readonly (keyof ${name}Row)[] | undefined`,
    ]),
    change('Delete', `A row of ${name} that is gone.`, [key, `before: ${name}Before`]),
    change('Truncate', `All rows of ${name} are gone at once.`, []),
    `/** A change of ${name}, told apart by \`op\`. */\n` +
      `export type ${name}Change = ${ops.map((op) => `${name}${op}`).join(' | ')}\n`,
    `/** What to do on each kind of change of ${name}; the runtime awaits what a handler returns. */\n` +
      `export interface ${name}Handlers {\n${handlers.join('')}}\n`,
  ]
}

/** The TypeScript type of a column's value, the same as in Prisma Client's default selection. */
function typeOf(column: ColumnContract, local: LocalNames): string {
  const element = elementType(column, local)
  return `${element}${column.list ? '[]' : ''}${column.nullable ? ' | null' : ''}`
}

const PLAIN_TYPES = {
  String: 'string',
  Int: 'number',
  Float: 'number',
  BigInt: 'bigint',
  Boolean: 'boolean',
  DateTime: 'Date',
} as const

function elementType(column: ColumnContract, local: LocalNames): string {
  if (column.type === 'Enum') return column.enum ?? 'never'
  if (column.type === 'Decimal' || column.type === 'Bytes') return local(column.type)
  return column.type === 'Json' ? local('JsonValue') : PLAIN_TYPES[column.type]
}
