import { parsePgTypeName } from '../../values/pg-type.ts'
import { capabilityOf } from './capabilities.ts'
import { label, refuse, type CheckScope } from './check-column.ts'
import { type JoinPair, joinPair } from '../join-pair.ts'
import type { CallIr, ExpressionIr } from '../view-ir.ts'
import { conjuncts } from '../walk-ir.ts'

/** Checks that a condition ties a relation to others so that indexes can follow it, and notes what is wrong. */
export function checkJoin(scope: CheckScope, alias: string, on: CallIr, place: string): boolean {
  const pairs = conjuncts(on)
    .map((part) => joinPair(alias, part))
    .filter((pair) => pair !== null)
  if (pairs.length === 0) {
    scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      `nothing ties "${alias}" to an earlier table; add eq of one of its columns and a column of an earlier table`,
    )
  }
  return pairs.map((pair) => checkPair(scope, pair, place)).every(Boolean) && pairs.length > 0
}

/** Checks that equal values of both sides are kept in one form. */
export function checkPair(scope: CheckScope, { own, other }: JoinPair, place: string): boolean {
  for (const value of [own, other]) {
    const capability = capabilityOf(value.type)
    if (capability.key) continue
    refuse(scope, value, capability, 'joined', place)
    return false
  }
  if (joinType(own) === joinType(other)) return true
  scope.problems.add(
    'VIEW.UNSUPPORTED',
    place,
    `${label(own)} and ${label(other)} are equal by value but kept in different forms; ` +
      'join columns of one type',
  )
  return false
}

/**
 * What two values must share so that an index of one finds the values of the other. Numbers of more than 15
 * digits are indexed by their text, which depends on the scale.
 */
function joinType({ type }: ExpressionIr): string {
  const { family } = capabilityOf(type)
  const { base, modifiers } = parsePgTypeName(type.pgType)
  const [precision = 0, scale = 0] = modifiers
  return base === 'numeric' && (precision > 15 || scale < 0 || scale > 15) ? type.pgType : family
}

/** The fields of a relation that its join sets equal to a column of an earlier one. */
export function joinedFields(alias: string, on: CallIr): ReadonlySet<string> {
  return new Set(
    conjuncts(on)
      .map((part) => joinPair(alias, part))
      .flatMap((pair) =>
        pair?.own.kind === 'column' && pair.other.kind === 'column' ? [pair.own.field] : [],
      ),
  )
}
