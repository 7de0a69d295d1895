import type { ColumnContract, EnumContract } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { formatArrayLiteral, parseArrayLiteral } from './array-literal.ts'
import { undecodable, unfit, unshowable } from './codec-errors.ts'
import { textOfValue } from './value-of-text.ts'
import type { BytesCodec, Int32Codec, ValueCodec } from './value-codec.ts'

/** Expressions see these types' own text. */
const TEXT = { valueOf: (text: string): string => text, textOf: textOfValue }

/** text, varchar, uuid and other types that Prisma Client shows as the wire's own text. */
export function textCodec(column: ColumnContract, place: string): BytesCodec {
  return {
    storage: 'bytes',
    column,
    place,
    ...TEXT,
    publicFromText: (text) => text,
    textFromPublic(value) {
      if (typeof value !== 'string') throw unfit(place, 'a string', value)
      // Postgres prints a uuid in lower case and a char(n) padded with blanks; a key is found by that text.
      if (column.pgType === 'uuid') return value.toLowerCase()
      const blanks = /^character\((\d+)\)$/.exec(column.pgType)?.[1]
      // Postgres counts characters; a string's length counts some twice.
      return blanks === undefined
        ? value
        : value + ' '.repeat(Math.max(0, Number(blanks) - Array.from(value).length))
    },
  }
}

/** boolean: wire `t` or `f`, kept as 1 or 0. */
export function booleanCodec(column: ColumnContract, place: string): Int32Codec {
  return {
    storage: 'int32',
    column,
    place,
    parse(bytes, start, end) {
      const byte = end - start === 1 ? bytes[start] : 0
      if (byte === 116) return 1
      if (byte === 102) return 0
      throw undecodable(place, column.pgType, 'neither t nor f')
    },
    publicOf: (value) => value === 1,
    valueOf: (kept) => kept === 1,
    keptOf: (value) => (value === true ? 1 : 0),
    publicFromText(text) {
      if (text === 't' || text === 'f') return text === 't'
      throw undecodable(place, column.pgType, 'neither t nor f')
    },
    textFromPublic(value) {
      if (typeof value === 'boolean') return value ? 't' : 'f'
      throw unfit(place, 'a boolean', value)
    },
  }
}

/** An enum: wire label, kept as the index in the contract, public Prisma name. */
export function enumCodec(column: ColumnContract, place: string, contract: EnumContract): Int32Codec {
  const labels = contract.values.map(({ label }) => Buffer.from(label))
  const indexOfLabel = new Map(contract.values.map(({ label }, index) => [label, index]))
  const labelOfName = new Map(contract.values.map(({ name, label }) => [name, label]))
  const unknown = (): DbsyncError =>
    new DbsyncError(
      'CHANGES.UNKNOWN_ENUM_LABEL',
      `${place}: found a label of the type "${contract.pgName}" that the contract does not have; need every label ` +
        `in the enum ${contract.name} of schema.prisma. Add it there and run \`prisma generate\`.`,
      { details: { place, enum: contract.name } },
    )
  const publicOf = (index: number): string => {
    const value = contract.values[index]
    if (value === undefined) throw unknown()
    return value.name
  }
  return {
    storage: 'int32',
    column,
    place,
    parse(bytes, start, end) {
      for (let index = 0; index < labels.length; index += 1) {
        if (sameBytes(labels[index], bytes, start, end)) return index
      }
      throw unknown()
    },
    publicOf,
    valueOf: (index) => contract.values[index]?.label ?? null,
    keptOf(value) {
      const index = indexOfLabel.get(textOfValue(value))
      if (index === undefined) throw unknown()
      return index
    },
    publicFromText: (text) => publicOf(indexOfLabel.get(text) ?? -1),
    textFromPublic(value) {
      const label = typeof value === 'string' ? labelOfName.get(value) : undefined
      if (label === undefined) throw unfit(place, `a name of the enum ${contract.name}`, value)
      return label
    },
  }
}

/** json and jsonb: kept as text, public parsed value; a JSON null and an SQL NULL are both `null`. */
export function jsonCodec(column: ColumnContract, place: string): BytesCodec {
  return {
    storage: 'bytes',
    column,
    place,
    ...TEXT,
    publicFromText(text) {
      try {
        return JSON.parse(text) as unknown
      } catch {
        // What JSON.parse throws quotes the text.
        throw undecodable(place, column.pgType, 'no JSON')
      }
    },
    textFromPublic: (value) => JSON.stringify(value),
  }
}

/** bytea: wire `\xdeadbeef`, kept as that text, public Uint8Array. */
export function byteaCodec(column: ColumnContract, place: string): BytesCodec {
  return {
    storage: 'bytes',
    column,
    place,
    ...TEXT,
    publicFromText(text) {
      if (!/^\\x(?:[0-9a-f]{2})*$/.test(text)) {
        throw undecodable(place, column.pgType, 'no bytes in hex form', 'Set bytea_output to hex.')
      }
      return Uint8Array.from(Buffer.from(text.slice(2), 'hex'))
    },
    textFromPublic(value) {
      if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
      throw unfit(place, 'a Uint8Array', value)
    },
  }
}

/** A list: kept as its array literal, public array. SQL NULL is shown as `[]` by whoever finds the NULL. */
export function listCodec(column: ColumnContract, place: string, element: ValueCodec): BytesCodec {
  return {
    storage: 'bytes',
    column,
    place,
    ...TEXT,
    publicFromText(text) {
      const elements = parseArrayLiteral(text)
      const pgType = `${column.pgType}[]`
      if (elements === 'dimensions') throw unshowable(place, pgType, 'an array of several dimensions')
      if (elements === undefined) throw undecodable(place, pgType, 'no array')
      return elements.map((item) => {
        if (item !== null) return element.publicFromText(item)
        if (column.type === 'Json' || column.nulls === true) return null
        throw unshowable(place, pgType, 'a NULL inside the list')
      })
    },
    textFromPublic(value) {
      if (!Array.isArray(value)) throw unfit(place, 'an array', value)
      return formatArrayLiteral(value.map((item) => element.textFromPublic(item)))
    },
  }
}

function sameBytes(label: Uint8Array | undefined, bytes: Uint8Array, start: number, end: number): boolean {
  if (label === undefined || label.length !== end - start) return false
  for (let index = 0; index < label.length; index += 1) {
    if (label[index] !== bytes[start + index]) return false
  }
  return true
}
