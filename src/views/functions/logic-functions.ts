import type { Checked } from '../check/check-column.ts'
import type { CallIr } from '../view-ir.ts'
import type { CallCheck, RowFunction } from './row-function.ts'
import { anyNullable, typeOf } from './types.ts'

/** `AND`, `OR` and `NOT`, by SQL's three-valued logic. */
export const LOGIC_FUNCTIONS = {
  and: { check: checkLogic, write: (parts) => `(${parts.join(' AND ')})` },
  or: { check: checkLogic, write: (parts) => `(${parts.join(' OR ')})` },
  not: { check: checkLogic, write: ([first]) => `(NOT ${first})` },
} as const satisfies Readonly<Record<string, RowFunction>>

function checkLogic(call: CallCheck): Checked<CallIr> {
  const { name } = call
  if (call.args.length === 0) return call.invalid(`${name}() has no condition; it needs one`)
  const args = allOf(call.args.map((raw) => call.condition(raw)))
  return args && { kind: 'call', name, args, type: typeOf('boolean', anyNullable(args)) }
}

/** All of them, or null if one has a problem. */
export function allOf<T>(items: readonly Checked<T>[]): Checked<readonly T[]> {
  const good = items.filter((item) => item !== null)
  return good.length === items.length ? good : null
}
