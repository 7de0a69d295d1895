import { enumOf } from '../contract/lookup.ts'
import type { ColumnContract, Schema } from '../contract/schema-contract.ts'
import { parsePgTypeName } from '../values/pg-type.ts'
import { dateForm } from './date-form.ts'
import { decimalForm } from './decimal-form.ts'
import { documentForm } from './document-form.ts'
import { listForm, nullable, oneOf, plainForm, textForm, type Form } from './form.ts'
import { stringForm } from './string-form.ts'

/** The form of a column's values, as Prisma Client returns them. */
export function valueForm(schema: Schema, column: ColumnContract): Form {
  const element = elementForm(schema, column)
  if (column.list) return listForm(element)
  return column.nullable ? nullable(element) : element
}

function elementForm(schema: Schema, column: ColumnContract): Form {
  switch (column.type) {
    case 'Enum':
      return oneOf(enumOf(schema, column.enum ?? '').values.map(({ name }) => name))
    case 'Int':
      return integerForm(parsePgTypeName(column.pgType).base)
    case 'BigInt':
      return bigintForm(-(2n ** 63n), 2n ** 63n - 1n)
    case 'Float':
      return floatForm(column.pgType === 'real')
    case 'Boolean':
      return plainForm('boolean', () => true, '')
    case 'Decimal':
      return decimalForm(schema.Decimal, column.pgType)
    case 'DateTime':
      return dateForm(column.pgType)
    case 'Json':
      return documentForm
    case 'Bytes':
      return bytesForm
    default:
      return stringForm(column.pgType)
  }
}

const INTEGERS: Readonly<Record<string, readonly [number, number]>> = {
  smallint: [-0x8000, 0x7fff],
  oid: [0, 0xffff_ffff],
}

function integerForm(base: string): Form {
  const [least, most] = INTEGERS[base] ?? [-0x8000_0000, 0x7fff_ffff]
  return plainForm(
    'number',
    (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
    `an integer from ${least} to ${most}`,
  )
}

/** A bigint of a range: its digits, as text. */
export function bigintForm(least: bigint, most: bigint): Form {
  return textForm({
    kind: 'bigint',
    write: (value) => (typeof value === 'bigint' ? value.toString() : undefined),
    read(text) {
      if (!/^(?:0|-?[1-9]\d{0,19})$/.test(text)) return undefined
      const value = BigInt(text)
      return value >= least && value <= most ? value : undefined
    },
    need: `the digits of an integer from ${least} to ${most}`,
  })
}

/** What JSON has no number for. */
const NAMED: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
])

function floatForm(isReal: boolean): Form {
  return {
    encode(value, pass) {
      if (typeof value !== 'number') return pass.kind(value, 'number')
      if (Number.isFinite(value) && !Object.is(value, -0)) return value
      return Object.is(value, -0) ? '-0' : String(value)
    },
    decode(json, pass) {
      const named = NAMED.get(json)
      if (named !== undefined) return named
      if (typeof json !== 'number') return pass.kind(json, 'number')
      const isFit = Number.isFinite(isReal ? Math.fround(json) : json)
      return isFit
        ? json
        : pass.need(json, `a number of the range of ${isReal ? 'real' : 'double precision'}`)
    },
  }
}

const bytesForm: Form = textForm({
  kind: 'Uint8Array',
  write: (value) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : undefined),
  read(text) {
    const bytes = Buffer.from(text, 'base64')
    // Node skips what is no base64; only what it would write itself is taken.
    return bytes.toString('base64') === text ? Uint8Array.from(bytes) : undefined
  },
  need: 'bytes in base64, with padding',
})
