import type { TypeIr } from '../view-ir.ts'
import { baseOf, isNumber, typeOf } from './types.ts'

/**
 * The type that a constant has by itself, beside values of `context`, if there are any: whole numbers are `integer`, others
 * `double precision`, but beside a decimal every number is one. So what TypeScript says of the result is true. Undefined
 * for what is no constant of SQL.
 */
export function naturalType(value: unknown, context: TypeIr | null): TypeIr | undefined {
  switch (typeof value) {
    case 'string':
      return typeOf('text', false)
    case 'boolean':
      return typeOf('boolean', false)
    case 'bigint':
      return typeOf('bigint', false)
    case 'number':
      return typeOf(typeOfNumber(value, context), false)
    default:
      if (value instanceof Date) return typeOf('timestamp with time zone', false)
      if (value instanceof Uint8Array) return typeOf('bytea', false)
      return isDecimal(value) ? typeOf('numeric', false) : undefined
  }
}

function typeOfNumber(value: number, context: TypeIr | null): string {
  const base = context === null || !isNumber(context) ? '' : baseOf(context)
  if (base === 'numeric') return 'numeric'
  if (base === 'real' || base === 'double precision') return 'double precision'
  if (base === 'bigint' && Number.isSafeInteger(value)) return 'bigint'
  return (value | 0) === value ? 'integer' : 'double precision'
}

function isDecimal(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'toFixed' in value && typeof value.toFixed === 'function'
  )
}
