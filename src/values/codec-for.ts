import type { ColumnContract, Schema } from '../contract/schema-contract.ts'
import { enumOf } from '../contract/lookup.ts'
import { DbsyncError } from '../core/errors.ts'
import { dateCodec, timeCodec, timestampCodec, timetzCodec } from './date-time-codecs.ts'
import {
  bigintCodec,
  floatCodec,
  integerCodec,
  oidCodec,
  safeIntegerCodec,
  scaledCodec,
  wholeNumericCodec,
  wideNumericCodec,
} from './number-codecs.ts'
import { parsePgTypeName } from './pg-type.ts'
import { booleanCodec, byteaCodec, enumCodec, jsonCodec, listCodec, textCodec } from './text-codecs.ts'
import type { ValueCodec } from './value-codec.ts'

/**
 * The codec of a column: how its wire text is read, kept and shown as Prisma Client shows it.
 *
 * Session settings that the wire text must have been made with: DateStyle ISO,YMD; TimeZone UTC;
 * extra_float_digits 1; bytea_output hex.
 * Throws: VIEW.UNSUPPORTED for `money`, whose text depends on the server's locale; CONTRACT.INVALID for an
 * enum that the contract lacks.
 */
export function codecFor(schema: Schema, model: string, column: ColumnContract): ValueCodec {
  const place = `${model}.${column.field}`
  if (column.list) return listCodec(column, place, codecFor(schema, model, { ...column, list: false }))
  const { base, modifiers } = parsePgTypeName(column.pgType)
  if (base === 'money') {
    throw new DbsyncError(
      'VIEW.UNSUPPORTED',
      `${place}: found type money, whose text depends on lc_monetary; need numeric. Change the column to @db.Decimal, or hide ` +
        'the field from Prisma with @ignore.',
    )
  }
  switch (column.type) {
    case 'Enum':
      return enumCodec(column, place, enumOf(schema, column.enum ?? ''))
    case 'Int':
      if (base === 'numeric') return wholeNumericCodec(column, place)
      if (base === 'bigint') return safeIntegerCodec(column, place)
      return base === 'oid' ? oidCodec(column, place) : integerCodec(column, place)
    case 'BigInt':
      return base === 'numeric' ? wholeNumericCodec(column, place) : bigintCodec(column, place)
    case 'Float':
      return floatCodec(column, place)
    case 'Boolean':
      return booleanCodec(column, place)
    case 'Decimal': {
      const [precision, scale = 0] = modifiers
      // 15 digits are exact in a double; NaN fits as well, and infinity needs an unconstrained numeric.
      return precision !== undefined && precision <= 15 && scale >= 0 && scale <= 15
        ? scaledCodec(column, place, scale, schema.Decimal)
        : wideNumericCodec(column, place, schema.Decimal)
    }
    case 'DateTime':
      if (base === 'date') return dateCodec(column, place)
      if (base === 'time without time zone') return timeCodec(column, place)
      if (base === 'time with time zone') return timetzCodec(column, place)
      return timestampCodec(column, place)
    case 'Json':
      return jsonCodec(column, place)
    case 'Bytes':
      return byteaCodec(column, place)
    default:
      return textCodec(column, place)
  }
}
