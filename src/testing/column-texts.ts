import type { Arbitrary } from 'fast-check'
import { enumOf } from '../contract/lookup.ts'
import type { ColumnContract, Schema } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { parsePgTypeName } from '../values/pg-type.ts'
import { dateTexts, timestampTexts, timeTexts } from './date-time-texts.ts'
import { fc } from './fast-check.ts'
import { jsonTexts } from './json-texts.ts'
import { listTexts } from './list-texts.ts'
import { floatTexts, integerTexts, moneyTexts, numericTexts } from './number-texts.ts'
import { bitTexts, byteTexts, inetTexts, stringTexts, uuidTexts, xmlTexts } from './string-texts.ts'

/** Values of a type, as texts that Postgres reads and prints the same way, or as another text of the same value. */
export interface ColumnTexts {
  /** A few plain ones, the plainest first. The same for all columns of a type, so that rows meet and groups collide. */
  readonly pool: readonly string[]
  /** What some layer treats specially: limits, empty and special values, hostile characters. */
  readonly edges: readonly string[]
  readonly random: Arbitrary<string>
}

/**
 * The values of a column, whether it may be NULL or not.
 *
 * Throws: CONTRACT.INVALID for an enum that the contract lacks; GENERATOR.UNSUPPORTED_SCHEMA for a type that the generator does not map.
 */
export function columnTexts(schema: Schema, column: ColumnContract): ColumnTexts {
  if (column.list) return listTexts(columnTexts(schema, { ...column, list: false }), column.type === 'Json')
  if (column.enum !== undefined) {
    const labels = enumOf(schema, column.enum).values.map(({ label }) => label)
    return { pool: labels, edges: labels, random: fc.constantFrom(...labels) }
  }
  const { base, modifiers } = parsePgTypeName(column.pgType)
  const [first, second = 0] = modifiers
  switch (base) {
    case 'smallint':
      return integerTexts(-(2n ** 15n), 2n ** 15n - 1n)
    case 'integer':
      return integerTexts(-(2n ** 31n), 2n ** 31n - 1n)
    case 'bigint':
      return integerTexts(-(2n ** 63n), 2n ** 63n - 1n)
    case 'oid':
      return integerTexts(0n, 2n ** 32n - 1n)
    case 'real':
    case 'double precision':
      return floatTexts(base === 'real')
    case 'numeric':
      return numericTexts(first, second)
    case 'money':
      return moneyTexts()
    case 'boolean':
      return { pool: ['f', 't'], edges: ['t', 'f'], random: fc.constantFrom('f', 't') }
    case 'text':
    case 'citext':
    case 'character varying':
      return stringTexts(first ?? Infinity)
    case 'character':
      return stringTexts(first ?? 1)
    case 'uuid':
      return uuidTexts()
    case 'xml':
      return xmlTexts()
    case 'inet':
      return inetTexts()
    case 'bit':
      return bitTexts(first ?? 1, true)
    case 'bit varying':
      return bitTexts(first ?? Infinity, false)
    case 'json':
    case 'jsonb':
      return jsonTexts()
    case 'bytea':
      return byteTexts()
    case 'date':
      return dateTexts()
    case 'timestamp without time zone':
    case 'timestamp with time zone':
      return timestampTexts(base.endsWith('with time zone'), first ?? 6)
    case 'time without time zone':
    case 'time with time zone':
      return timeTexts(base.endsWith('with time zone'), first ?? 6)
    default:
      throw new DbsyncError(
        'GENERATOR.UNSUPPORTED_SCHEMA',
        `There are no values for ${column.field}: found the type ${column.pgType}, which this version does not know. Give the field an ` +
          'arbitrary of your own by the option "with".',
      )
  }
}
