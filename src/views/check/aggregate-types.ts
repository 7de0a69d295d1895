import { parsePgTypeName } from '../../values/pg-type.ts'
import { capabilityOf } from './capabilities.ts'
import { BOOLEAN } from '../make-condition.ts'
import type { AggregateName, TypeIr } from '../view-ir.ts'

/** What an aggregate answers; or why it does not take its argument. */
export type AggregateTyping =
  | { readonly type: TypeIr }
  /** The argument is of another kind than what the aggregate is about. */
  | { readonly needs: string }
  /** The aggregate would not be exact: what it would have been used for, why not, and what to do instead. */
  | { readonly use: string; readonly reason: string }

/** Postgres' `count`, as a number. */
export const COUNT_TYPE: TypeIr = { scalar: 'Int', pgType: 'bigint', list: false, nullable: false }

/** The type of `avg` of integers, which the SQL casts to. */
const AVERAGE_TYPE: TypeIr = { scalar: 'Float', pgType: 'double precision', list: false, nullable: true }

/** `arrayAgg`, `stringAgg` and `jsonAgg`: what they answer depends on the order of the rows. */
export type OrderedAggregateName = 'arrayAgg' | 'stringAgg' | 'jsonAgg'

/** Whether an aggregate's answer depends on the order of the rows. */
export function isOrderedAggregate(name: AggregateName): name is OrderedAggregateName {
  return name === 'arrayAgg' || name === 'stringAgg' || name === 'jsonAgg'
}

/** Types whose JSON is the same under all settings and loses nothing where JavaScript reads it. */
const JSON_BASES = new Set(['smallint', 'integer', 'boolean', 'text', 'character varying', 'uuid', 'jsonb'])
const TEXT_BASES = new Set(['text', 'character varying'])
const FLOAT_BASES = new Set(['real', 'double precision'])

/** The type of an aggregate over values of a type, as Postgres has it. */
export function typeAggregate(name: AggregateName, argument: TypeIr): AggregateTyping {
  const capability = capabilityOf(argument)
  const { reason } = capability
  const base = argument.list || argument.enum !== undefined ? '' : parsePgTypeName(argument.pgType).base
  switch (name) {
    case 'count':
      // Postgres may hold NULL in a list where Prisma shows [], and the contract cannot tell.
      return argument.list ? { use: 'counted', reason } : { type: COUNT_TYPE }
    case 'countDistinct':
      // 0 and -0 are one value, and a count does not show which.
      return capability.key || FLOAT_BASES.has(base)
        ? { type: COUNT_TYPE }
        : { use: 'counted by its distinct values', reason }
    case 'sum':
    case 'avg': {
      const pgType = capability[name]
      if (pgType === null) {
        const number = argument.scalar === 'Float' || capability.family === 'number'
        return number ? { use: `used in ${name}`, reason } : { needs: 'numbers' }
      }
      // Also of a sum of integers, which Postgres keeps as a numeric.
      if (name === 'avg' && argument.scalar !== 'Decimal') return { type: AVERAGE_TYPE }
      return { type: { scalar: argument.scalar, pgType, list: false, nullable: true } }
    }
    case 'min':
    case 'max': {
      const pgType = capability.minMax
      if (pgType === null) return { use: `used in ${name}`, reason }
      return { type: { ...argument, pgType, nullable: true } }
    }
    case 'boolAnd':
    case 'boolOr':
      if (base !== 'boolean') return { needs: 'conditions' }
      return { type: BOOLEAN }
    case 'arrayAgg':
      if (argument.list) {
        return {
          use: 'used in arrayAgg',
          reason: 'lists of different lengths make no array; leave it out, or collect another column',
        }
      }
      return capability.read
        ? { type: { ...argument, pgType: elementType(argument), list: true, nullable: true, nulls: true } }
        : { use: 'used in arrayAgg', reason }
    case 'stringAgg':
      if (!TEXT_BASES.has(base)) return { needs: 'texts' }
      return { type: { scalar: 'String', pgType: 'text', list: false, nullable: true } }
    default:
      if (!JSON_BASES.has(base) && argument.enum === undefined) {
        return {
          use: 'used in jsonAgg',
          reason: 'its JSON depends on settings or has more digits than JavaScript reads; use arrayAgg',
        }
      }
      return { type: { scalar: 'Json', pgType: 'jsonb', list: false, nullable: true } }
  }
}

/** Modifiers do not get into the array; those of blank-padded text and of bits are part of how a value looks. */
function elementType({ pgType, enum: isEnum }: TypeIr): string {
  const { base } = parsePgTypeName(pgType)
  return isEnum !== undefined || base === 'character' || base.startsWith('bit') ? pgType : base
}
