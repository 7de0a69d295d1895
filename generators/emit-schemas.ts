import { mayBeAbsent } from '../src/contract/may-be-absent.ts'
import type { ColumnContract, ModelContract, ScalarType } from '../src/contract/schema-contract.ts'
import { docComment } from './doc-comment.ts'
import { quote } from './emit-contract.ts'
import { lacksValues } from './emit-model.ts'
import { HEADER } from './emit.ts'
import type { DocumentedContract } from './from-dmmf.ts'

/** How the file finds the one beside it. */
export interface EmitSchemasOptions {
  /** What follows the dot of the import of `index`, such as `ts` or `js`; empty for an import without an extension. */
  readonly importExtension: string
}

/**
 * The whole generated file `schemas.ts`: for each model the JSON of its rows, keys and changes as flat types, and their
 * zod codecs, which are made at run time from the contract. The names of the types and the codecs all end in one of a few
 * words, none of which is the end of another, so they cannot clash; what `index` exports is named through `$`.
 */
export function emitSchemas({ contract }: DocumentedContract, options: EmitSchemasOptions): string {
  const { models } = contract
  const index = quote(`./index${options.importExtension === '' ? '' : `.${options.importExtension}`}`)
  const made = models.length === 0 ? 'changeCodec' : 'changeCodec, keyCodec, rowCodec'
  const hasJson = models.some(({ columns }) => columns.some(({ type }) => type === 'Json'))
  const sections = [
    `${HEADER}\n/* eslint-disable */\n/* oxlint-disable */\n// biome-ignore-all lint: generated file\n`,
    `import { ${made} } from 'prisma-dbsync'\nimport type { JsonCodec } from 'prisma-dbsync'\n` +
      `import { schema } from ${index}\nimport type * as $ from ${index}\n`,
    ...(hasJson ? [JSON_VALUE] : []),
    TRANSACTION,
    ...models.map(emitModelJson),
    docComment('A change of any model as JSON, told apart by `model` and `op`.') +
      `export type ChangeJson = ${models.map(({ model }) => `${model}ChangeJson`).join(' | ') || 'never'}\n`,
    models.map(emitCodecs).join('') +
      docComment('Changes of any model; `safeDecode` and `parse` check what comes from elsewhere.') +
      'export const ChangeCodec: JsonCodec<$.Change, ChangeJson> = changeCodec(schema)\n',
  ]
  return sections.join('\n')
}

const JSON_VALUE = `/** A JSON document, as it is. */
type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue }
`

const TRANSACTION = `/** The transaction of a change: ids as digits, the position as Postgres writes it, the time in ISO form. */
export interface TransactionJson {
  xid: string
  lsn: string
  commitTime: string
  seq: number
}
`

function emitModelJson(model: ModelContract): string {
  const name = model.model
  const isKey = (column: ColumnContract): boolean => model.key.includes(column.field)
  const fields = (
    suffix: string,
    doc: string,
    columns: readonly ColumnContract[],
    mayLack: (column: ColumnContract) => boolean,
  ): string =>
    `/** ${doc} */\nexport interface ${name}${suffix} {\n${columns
      .map((column) => `  ${column.field}${mayLack(column) ? '?' : ''}: ${typeOf(column)}\n`)
      .join('')}}\n`
  const key = model.key.flatMap((field) => model.columns.find((column) => column.field === field) ?? [])
  const lacks = lacksValues(model)
  const after = lacks ? `${name}AfterJson` : `${name}RowJson`
  const change = (ops: string, rest: string): string =>
    `\n  | { model: ${quote(name)}; op: ${ops}; ${rest}tx: TransactionJson }`
  const parts = [
    fields('RowJson', `A row of ${name} as JSON.`, model.columns, () => false),
    fields('KeyJson', `The key of a row of ${name} as JSON.`, key, () => false),
    fields('BeforeJson', `An old row of ${name} as JSON.`, model.columns, (column) => !isKey(column)),
    ...(lacks
      ? [
          fields('AfterJson', `A row of ${name} after an update as JSON.`, model.columns, (column) =>
            mayBeAbsent(model, column),
          ),
        ]
      : []),
    `/** A change of ${name} as JSON. */\nexport type ${name}ChangeJson =` +
      change("'read' | 'insert'", `key: ${name}KeyJson; after: ${name}RowJson; `) +
      change(
        "'update'",
        `key: ${name}KeyJson; before?: ${name}BeforeJson; after: ${after}; changed?: (keyof ${name}RowJson)[]; `,
      ) +
      change("'delete'", `key: ${name}KeyJson; before: ${name}BeforeJson; `) +
      `${change("'truncate'", '')}\n`,
  ]
  return parts.join('\n')
}

function emitCodecs({ model }: ModelContract): string {
  const of = (kind: string, make: string): string =>
    `export const ${model}${kind}Codec: JsonCodec<$.${model}${kind}, ${model}${kind}Json> = ${make}(schema, ${quote(model)})\n`
  return of('Row', 'rowCodec') + of('Key', 'keyCodec') + of('Change', 'changeCodec')
}

const TYPES: Readonly<Record<Exclude<ScalarType, 'Enum'>, string>> = {
  String: 'string',
  Int: 'number',
  Float: "number | 'NaN' | 'Infinity' | '-Infinity' | '-0'",
  BigInt: 'string',
  Boolean: 'boolean',
  DateTime: 'string',
  Decimal: 'string',
  Bytes: 'string',
  Json: 'JsonValue',
}

/** The type of a column's values in JSON. */
function typeOf(column: ColumnContract): string {
  const element = column.type === 'Enum' ? `$.${column.enum ?? ''}` : TYPES[column.type]
  const type = column.list ? `${element.includes(' | ') ? `(${element})` : element}[]` : element
  return column.nullable ? `${type} | null` : type
}
