import { parsePgTypeName } from '../values/pg-type.ts'
import { capabilityOf } from './capabilities.ts'
import { label, refuse, type CheckScope } from './check-column.ts'
import type { CallIr, ColumnIr, ExpressionIr, SourceIr } from './view-ir.ts'

/** The parts of a conjunction. */
export function conjuncts(expression: ExpressionIr): readonly ExpressionIr[] {
  return expression.kind === 'call' && expression.name === 'and'
    ? expression.args.flatMap(conjuncts)
    : [expression]
}

/** A column of the new table and the column of an earlier one that it equals. */
export interface JoinPair {
  readonly own: ColumnIr
  readonly other: ColumnIr
}

/** The two sides, if a condition is `own = other` with `own` of that table and `other` of another. */
export function joinPair(alias: string, expression: ExpressionIr): JoinPair | null {
  if (expression.kind !== 'call' || expression.name !== 'eq') return null
  const [left, right] = expression.args
  if (left?.kind !== 'column' || right?.kind !== 'column') return null
  if ((left.source === alias) === (right.source === alias)) return null
  return left.source === alias ? { own: left, other: right } : { own: right, other: left }
}

/** Checks that a join's condition is one that can be followed through indexes, and notes what is wrong. */
export function checkJoin(
  scope: CheckScope,
  alias: string,
  kind: 'inner' | 'left',
  on: CallIr,
  place: string,
): void {
  const parts = conjuncts(on)
  const pairs = parts.map((part) => joinPair(alias, part)).filter((pair) => pair !== null)
  for (const { own, other } of pairs) {
    for (const column of [own, other]) {
      const capability = capabilityOf(column.type)
      if (!capability.key) refuse(scope, column, capability, 'joined', place)
    }
    if (joinType(own) !== joinType(other)) {
      scope.problems.add(
        'VIEW.UNSUPPORTED',
        place,
        `${label(own)} and ${label(other)} are equal by value but kept in different forms; ` +
          'join columns of one type',
      )
    }
  }
  const others = [...new Set(pairs.map(({ other }) => other.source))]
  if (pairs.length === 0) {
    scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      `nothing ties "${alias}" to an earlier table; add eq of one of its columns and a column of an earlier table`,
    )
  } else if (kind === 'left' && pairs.length < parts.length) {
    scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      `a left join takes only eq, joined by and, between columns of "${alias}" and of one earlier table; ` +
        'keep the further condition out of the join, or use innerJoin',
    )
  } else if (kind === 'left' && others.length > 1) {
    scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      `a left join ties the new table to one earlier table; "${alias}" is tied to ${others.join(' and ')}; use innerJoin`,
    )
  } else if (kind === 'left' && (repeats(pairs, 'own') || repeats(pairs, 'other'))) {
    scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      'a left join uses each column in one eq; a column stands in two; use innerJoin',
    )
  }
}

function repeats(pairs: readonly JoinPair[], side: keyof JoinPair): boolean {
  return new Set(pairs.map((pair) => pair[side].field)).size < pairs.length
}

/**
 * What two columns must share so that an index of one finds the values of the other. Numbers of more than 15
 * digits are indexed by their text, which depends on the scale.
 */
function joinType({ type }: ColumnIr): string {
  const { family } = capabilityOf(type)
  const { base, modifiers } = parsePgTypeName(type.pgType)
  const [precision = 0, scale = 0] = modifiers
  return base === 'numeric' && (precision > 15 || scale < 0 || scale > 15) ? type.pgType : family
}

/** The fields of a source that its join fixes, given the earlier tables. The table in FROM has none. */
export function determinedFields({ alias, join }: SourceIr): ReadonlySet<string> {
  const pairs = join === null ? [] : conjuncts(join.on).map((part) => joinPair(alias, part))
  return new Set(pairs.filter((pair) => pair !== null).map(({ own }) => own.field))
}
