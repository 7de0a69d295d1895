import type { Arbitrary } from 'fast-check'
import type { ColumnContract, ModelContract, Schema } from '../contract/schema-contract.ts'
import { parseArrayLiteral } from '../values/array-literal.ts'
import { codecFor } from '../values/codec-for.ts'
import { formatNumeric, parseNumeric } from '../values/numeric.ts'
import { parsePgTypeName } from '../values/pg-type.ts'
import { columnTexts } from './column-texts.ts'
import { fc } from './fast-check.ts'

/** How values of one column are made, written and told apart. */
export interface ColumnForm {
  readonly column: ColumnContract
  /** Values as texts; null is NULL. */
  readonly texts: Arbitrary<string | null>
  /** What Prisma Client shows of a value; of NULL null, of a list that is NULL an empty one. */
  readonly publicOf: (text: string | null) => unknown
  /** Throws: CONFIG.INVALID_OPTIONS for a value that is not of the column's type. */
  readonly textOf: (value: unknown) => string | null
  /** The same for two texts if Postgres takes their values for equal. */
  readonly identityOf: (text: string) => string
}

/** The form of a column; an arbitrary of public values takes the place of its own values. Throws: as {@link columnTexts}. */
export function columnForm(
  schema: Schema,
  { model }: ModelContract,
  column: ColumnContract,
  own?: Arbitrary<unknown>,
): ColumnForm {
  // The text of money is the server's; it is given and read as a numeric.
  const shown = column.pgType === 'money' ? { ...column, pgType: 'numeric(19,2)' } : column
  const codec = codecFor(schema, model, shown)
  const textOf = (value: unknown): string | null => {
    if (value === null || value === undefined) return null
    return codec.textFromPublic(value)
  }
  const nothing = column.list ? [] : null
  return {
    column,
    texts: own === undefined ? ownTexts(schema, column) : own.map(textOf),
    publicOf: (text) => (text === null ? nothing : codec.publicFromText(text)),
    textOf,
    identityOf: (text) => identityOf(column, text),
  }
}

function ownTexts(schema: Schema, column: ColumnContract): Arbitrary<string | null> {
  const { pool, edges, random } = columnTexts(schema, column)
  const value = fc.oneof(
    { withCrossShrink: true },
    { weight: 6, arbitrary: fc.constantFrom(...pool) },
    // Shrinks to the plainest of the pool, whichever it is.
    { weight: 3, arbitrary: fc.constantFrom(...pool, ...edges) },
    { weight: 2, arbitrary: random },
  )
  // Prisma makes columns of lists that may be NULL.
  return column.nullable || column.list ? fc.option(value, { freq: column.list ? 12 : 6 }) : value
}

/** Too much may be equal here, never too little: a row less does no harm. */
function identityOf(column: ColumnContract, text: string): string {
  if (column.list) {
    const elements = parseArrayLiteral(text)
    if (elements === undefined || elements === 'dimensions') return text
    const element = { ...column, list: false }
    return JSON.stringify(elements.map((item) => (item === null ? null : identityOf(element, item))))
  }
  switch (parsePgTypeName(column.pgType).base) {
    case 'numeric':
    case 'money': {
      const numeric = parseNumeric(text)
      if (numeric === undefined) return text
      const plain = formatNumeric(numeric)
      return plain.includes('.') ? plain.replace(/\.?0+$/, '') : plain
    }
    case 'real':
    case 'double precision':
      return String(Number(text))
    case 'citext':
      return text.toUpperCase().toLowerCase()
    case 'character':
      return text.replace(/ +$/, '')
    case 'jsonb':
      return jsonIdentity(JSON.parse(text))
    default:
      return text
  }
}

function jsonIdentity(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonIdentity).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, item]) => `${JSON.stringify(name)}:${jsonIdentity(item)}`).join(',')}}`
}
