import { invariant } from '../../core/errors.ts'
import { capabilityOf } from './capabilities.ts'
import { nameOf, refuse, type CheckScope } from './check-column.ts'
import type { JoinedSource } from './check-sources.ts'
import { sameExpression } from '../same-expression.ts'
import type { ColumnIr, ExpressionIr, OutputIr, ViewIr } from '../view-ir.ts'

/** What identifies the rows of a query; empty: one row; null: nothing does. */
export type Identity = readonly ExpressionIr[] | null

/** The keys of all relations, without the fields that a join fixes, so that the "one" side of a join adds nothing. */
export function ungroupedIdentity(joined: readonly JoinedSource[]): Identity {
  if (joined.some(({ needed }) => needed === null)) return null
  return joined.flatMap((source) => (source.needed ?? []).map((field) => columnOf(source, field)))
}

/**
 * The groups. Where they hold the whole key of a relation that is never missing, its other columns drop out: they
 * depend on the key.
 */
export function groupedIdentity(joined: readonly JoinedSource[], group: readonly ExpressionIr[]): Identity {
  const has = (alias: string, field: string): boolean =>
    group.some((item) => item.kind === 'column' && item.source === alias && item.field === field)
  const reduced = joined.filter(
    ({ alias, key, optional }) =>
      !optional && key !== null && key.length > 0 && key.every((field) => has(alias, field)),
  )
  return group.filter((item) => {
    if (item.kind !== 'column') return true
    const source = reduced.find(({ alias }) => alias === item.source)
    return source === undefined || (source.key?.includes(item.field) ?? false)
  })
}

/** The key of a query: the first output of each identifying value; null if one is not selected. */
export function inferKey(identity: Identity, select: readonly OutputIr[]): ViewIr['key'] {
  if (identity === null) return null
  const names = identity.map((value) => outputsOf(value, select)[0])
  const known = names.filter((name) => name !== undefined)
  return known.length === names.length ? [...new Set(known)] : null
}

/** `key` may order the key's columns and add further ones; it must still tell all rows apart. */
export function checkKeyOption(
  scope: Pick<CheckScope, 'problems'>,
  names: readonly string[],
  identity: Identity,
  select: readonly OutputIr[],
): ViewIr['key'] {
  const { problems } = scope
  const inferred = inferKey(identity, select)
  for (const [index, name] of names.entries()) {
    const expression = select.find((output) => output.name === name)?.expression
    const place = `key.${index}`
    const identifies =
      expression !== undefined && (identity ?? []).some((one) => sameExpression(one, expression))
    if (expression === undefined || (expression.kind !== 'column' && !identifies)) {
      const found =
        expression === undefined ? 'the view selects no such name' : 'it is not a column of a table'
      problems.add('VIEW.INVALID_DEFINITION', place, `"${name}" cannot be part of the key: ${found}`)
    } else if (names.indexOf(name) !== index) {
      problems.add('VIEW.INVALID_DEFINITION', place, `"${name}" stands twice in the key; name it once`)
    } else {
      const capability = capabilityOf(expression.type)
      const natural = inferred?.includes(name) ?? false
      if (!capability.key && !natural) refuse(scope, expression, capability, 'used as a key', place)
    }
  }
  if (names.length === 0) {
    problems.add(
      'VIEW.INVALID_DEFINITION',
      'key',
      'it is empty; name at least one selected column, or leave it out',
    )
  } else if (identity === null) {
    problems.add(
      'VIEW.INVALID_DEFINITION',
      'key',
      'nothing tells the rows of this view apart, so it has no key; leave it out, or use union instead of unionAll',
    )
  } else {
    const missing = identity.filter((value) => !outputsOf(value, select).some((name) => names.includes(name)))
    if (missing.length > 0) {
      problems.add(
        'VIEW.INVALID_DEFINITION',
        'key',
        `it does not tell all rows apart; it must hold ${missing.map(nameOf).join(', ')} too`,
      )
    }
  }
  return [...names]
}

function outputsOf(value: ExpressionIr, select: readonly OutputIr[]): readonly string[] {
  return select.filter(({ expression }) => sameExpression(expression, value)).map(({ name }) => name)
}

function columnOf({ alias, columns, optional }: JoinedSource, field: string): ColumnIr {
  const type = columns.find((column) => column.field === field)?.type
  invariant(type !== undefined, 'a key of no column')
  return { kind: 'column', source: alias, field, type: { ...type, nullable: type.nullable || optional } }
}
