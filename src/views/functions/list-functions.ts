import { capabilityOf } from '../check/capabilities.ts'
import type { Checked } from '../check/check-column.ts'
import type { CallIr, ExpressionIr } from '../view-ir.ts'
import { collated } from './collate.ts'
import type { CallCheck, RowFunction } from './row-function.ts'
import { areComparable, typeOf } from './types.ts'

/** Functions of lists, read as Prisma shows them: NULL is the empty list. */
export const LIST_FUNCTIONS = {
  arrayContains: {
    check: checkContains,
    write: ([list, element], { args }) =>
      `coalesce(${collated(element, args[1]?.type)} = ANY (${list}), false)`,
  },
  arrayLength: { check: checkLength, write: ([list]) => `coalesce(cardinality(${list}), 0)` },
} as const satisfies Readonly<Record<string, RowFunction>>

function checkContains(call: CallCheck): Checked<CallIr> {
  const [raw, wanted] = call.args
  const list = listArgument(call, raw)
  if (list === null) return null
  const elementType = { ...list.type, list: false, nullable: false }
  const capability = capabilityOf(elementType)
  if (!capability.equality) {
    return call.notExact(`${call.label(list)} cannot be searched exactly: ${capability.reason}`)
  }
  const element = call.isExpression(wanted)
    ? call.expression(wanted)
    : call.literal(wanted, elementType, `${call.label(list)} is searched for`)
  if (element === null) return null
  if (!areComparable(elementType, element.type)) {
    return call.invalid(
      `arrayContains searches ${call.label(list)} for ${call.label(element)}; it needs a value of the list's type`,
    )
  }
  return { kind: 'call', name: 'arrayContains', args: [list, element], type: typeOf('boolean', false) }
}

function checkLength(call: CallCheck): Checked<CallIr> {
  const list = listArgument(call, call.args[0])
  return list && { kind: 'call', name: 'arrayLength', args: [list], type: typeOf('integer', false) }
}

function listArgument(call: CallCheck, raw: unknown): Checked<ExpressionIr> {
  const list = call.expression(raw)
  if (list === null) return null
  return list.type.list ? list : call.invalid(`${call.name} needs a list, and ${call.label(list)} is none`)
}
