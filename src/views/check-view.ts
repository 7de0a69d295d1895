import type { Schema } from '../contract/schema-contract.ts'
import { invariant } from '../core/errors.ts'
import { capabilityOf } from './capabilities.ts'
import { checkAggregate } from './check-aggregate.ts'
import { checkColumn, columnsIn, label, refuse, type CheckScope } from './check-column.ts'
import { checkJoin } from './check-joins.ts'
import { checkCall, checkPredicate } from './check-predicate.ts'
import { checkSources } from './check-sources.ts'
import { isExpression } from './expression.ts'
import { identifyingColumns, inferKey, outputsOf } from './infer-key.ts'
import { Problems } from './problems.ts'
import type { RawQuery } from './query-builder.ts'
import type { CallIr, ColumnIr, ExpressionIr, OutputIr, SelectIr, SourceIr, ViewIr } from './view-ir.ts'

const VIEW_NAME = /^[a-z_][a-z0-9_]{0,62}$/

/** What a check gives: the algebra and the schema that its tables share. */
export interface CheckedView {
  readonly ir: ViewIr
  readonly schema: Schema
}

/**
 * Turns what the builder collected into algebra, or reports everything that is wrong with it, each problem
 * with its place.
 *
 * Throws: VIEW.INVALID_DEFINITION, VIEW.NOT_EXACT or VIEW.UNSUPPORTED, whichever comes first in the view;
 * `details.problems` has them all.
 */
export function checkView(
  name: string,
  query: RawQuery,
  keyOption: readonly string[] | undefined,
): CheckedView {
  const problems = new Problems(name)
  if (!VIEW_NAME.test(name)) {
    problems.add(
      'VIEW.INVALID_DEFINITION',
      '',
      'the name of a view must be of the form [a-z_][a-z0-9_]*, at most 63 characters; rename it',
    )
  }
  const scope = checkSources(query.sources, problems)
  // Without its tables nothing else in the view has a meaning.
  if (scope === null) problems.throwIfAny()
  invariant(scope !== null, 'tables were refused without a problem')

  const sources = checkJoins(scope, query)
  const where = checkWhere(scope, query.where)
  const groupBy = query.groupBy === null ? null : checkGroupBy(scope, query.groupBy)
  const select = checkSelect(scope, query.select)
  const aggregated = select.some(({ expression }) => expression.kind === 'aggregate')
  const group = groupBy ?? (aggregated ? [] : null)
  if (group !== null && !problems.any) checkGrouping(scope, group, select)
  if (problems.any) problems.throwIfAny()

  const identifying = identifyingColumns(scope.schema, sources, group)
  const inferred = inferKey(identifying, select)
  checkConditions(scope, select, group !== null || inferred === null)
  const key =
    keyOption === undefined ? inferred : checkKeyOption(scope, keyOption, identifying, inferred, select)
  problems.throwIfAny()
  const checked: SelectIr = {
    kind: 'select',
    sources,
    where,
    exists: [],
    groupBy: group,
    having: null,
    select,
    distinct: false,
    order: [],
    limit: null,
  }
  return { ir: { version: 2, name, query: checked, key }, schema: scope.schema }
}

function checkJoins(scope: CheckScope, query: RawQuery): readonly SourceIr[] {
  return scope.sources.map(({ alias, model }, index): SourceIr => {
    const join = query.sources[index]?.join ?? null
    const from = { kind: 'table', model: model.model } as const
    if (join === null) return { alias, from, join: null }
    const place = `${join.kind}Join.${alias}`
    const visible = { ...scope, sources: scope.sources.slice(0, index + 1) }
    const on = checkPredicate(visible, join.on, place)
    if (on !== null) checkJoin(visible, alias, join.kind, on, place)
    return { alias, from, join: on === null ? null : { kind: join.kind, on } }
  })
}

function checkWhere(scope: CheckScope, conditions: readonly unknown[]): CallIr | null {
  const checked = conditions
    .map((condition) => checkPredicate(scope, condition, 'where'))
    .filter((condition) => condition !== null)
  if (checked.length < 2) return checked[0] ?? null
  const nullable = checked.some(({ type }) => type.nullable)
  return {
    kind: 'call',
    name: 'and',
    args: checked,
    type: { scalar: 'Boolean', pgType: 'boolean', list: false, nullable },
  }
}

function checkGroupBy(scope: CheckScope, raw: unknown): readonly ColumnIr[] {
  if (!Array.isArray(raw) || raw.length === 0) {
    scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      'groupBy',
      'it needs an array of at least one column; for one row over everything leave groupBy out',
    )
    return []
  }
  const columns = raw.map((item: unknown, index): ColumnIr | null => {
    const place = `groupBy.${index}`
    if (!isExpression(item) || item.kind !== 'column') {
      return scope.problems.add('VIEW.UNSUPPORTED', place, 'it is not a column; group by columns alone')
    }
    const column = checkColumn(scope, item, place)
    if (column === null) return null
    const capability = capabilityOf(column.type)
    return capability.key ? column : refuse(scope, column, capability, 'grouped', place)
  })
  return columns.filter(
    (column, index): column is ColumnIr =>
      column !== null && columns.findIndex((other) => sameColumn(other, column)) === index,
  )
}

function checkSelect(scope: CheckScope, raw: unknown): readonly OutputIr[] {
  const entries = typeof raw === 'object' && raw !== null ? Object.entries(raw) : []
  if (entries.length === 0) {
    scope.problems.add('VIEW.INVALID_DEFINITION', 'select', 'it is empty; it needs at least one column')
  }
  return entries.flatMap(([name, value]): OutputIr[] => {
    const place = `select.${name}`
    if (name === '' || name.includes('\0') || Buffer.byteLength(name) > 63) {
      scope.problems.add(
        'VIEW.INVALID_DEFINITION',
        place,
        'it is not a name for a column: it must have 1 to 63 bytes and no NUL',
      )
      return []
    }
    const expression = checkSelected(scope, value, place)
    return expression === null ? [] : [{ name, expression }]
  })
}

function checkSelected(scope: CheckScope, raw: unknown, place: string): ExpressionIr | null {
  if (!isExpression(raw)) {
    return scope.problems.add(
      'VIEW.UNSUPPORTED',
      place,
      'it is neither a column nor an aggregate; constants and nested objects cannot be selected',
    )
  }
  switch (raw.kind) {
    case 'column':
      return checkColumn(scope, raw, place)
    case 'call':
      return checkCall(scope, raw.name, raw.args, place)
    default:
      return checkAggregate(scope, raw, place)
  }
}

/** Every column that stands outside an aggregate must be one of the group. */
function checkGrouping(scope: CheckScope, group: readonly ColumnIr[], select: readonly OutputIr[]): void {
  for (const { name, expression } of select) {
    if (expression.kind === 'aggregate') continue
    for (const column of columnsIn(expression)) {
      if (group.some((item) => sameColumn(item, column))) continue
      scope.problems.add(
        'VIEW.INVALID_DEFINITION',
        `select.${name}`,
        `${label(column)} is neither grouped nor inside an aggregate; add it to groupBy or aggregate it`,
      )
    }
  }
}

/** A selected condition is computed from one joined row, so the view must show such rows one by one. */
function checkConditions(scope: CheckScope, select: readonly OutputIr[], merged: boolean): void {
  for (const { name, expression } of merged ? select : []) {
    if (expression.kind !== 'call') continue
    scope.problems.add(
      'VIEW.UNSUPPORTED',
      `select.${name}`,
      'a condition is selected only in a view without groups whose key is selected; select the columns instead',
    )
  }
}

/** `key` may order the key's columns and add further ones; it must still tell all rows apart. */
function checkKeyOption(
  scope: CheckScope,
  names: readonly string[],
  identifying: readonly Pick<ColumnIr, 'source' | 'field'>[],
  inferred: ViewIr['key'],
  select: readonly OutputIr[],
): ViewIr['key'] {
  for (const [index, name] of names.entries()) {
    const expression = select.find((output) => output.name === name)?.expression
    const place = `key.${index}`
    if (expression?.kind !== 'column') {
      const found =
        expression === undefined ? 'the view selects no such name' : 'it is not a column of a table'
      scope.problems.add('VIEW.INVALID_DEFINITION', place, `"${name}" cannot be part of the key: ${found}`)
    } else if (names.indexOf(name) !== index) {
      scope.problems.add('VIEW.INVALID_DEFINITION', place, `"${name}" stands twice in the key; name it once`)
    } else {
      const capability = capabilityOf(expression.type)
      const natural = inferred?.includes(name) ?? false
      if (!capability.key && !natural) refuse(scope, expression, capability, 'used as a key', place)
    }
  }
  const missing = identifying.filter(
    (column) => !outputsOf(column, select).some((name) => names.includes(name)),
  )
  if (names.length === 0 || missing.length > 0) {
    const needed = missing.map(({ source, field }) => `${source}.${field}`).join(', ')
    scope.problems.add(
      'VIEW.INVALID_DEFINITION',
      'key',
      names.length === 0
        ? 'it is empty; name at least one selected column, or leave it out'
        : `it does not tell all rows apart; it must hold ${needed} too`,
    )
  }
  return [...names]
}

function sameColumn(a: ColumnIr | null, b: ColumnIr): boolean {
  return a !== null && a.source === b.source && a.field === b.field
}
