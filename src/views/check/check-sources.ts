import { invariant } from '../../core/errors.ts'
import type { Checked, CheckScope, ScopeSource } from './check-column.ts'
import { checkJoin, joinedFields } from './check-joins.ts'
import { checkPredicate } from './check-predicate.ts'
import { checkRelation, type Relation } from './check-relation.ts'
import type { QueryContext } from './query-context.ts'
import type { RawSource } from '../build/raw-query.ts'
import { refuseSubqueries } from './refuse-subqueries.ts'
import type { CallIr, SourceIr } from '../view-ir.ts'

/** A relation in scope after all joins. */
export interface JoinedSource extends ScopeSource {
  /** The fields that tell its rows apart, given those of the others; null: none do. */
  readonly needed: Relation['key']
}

/** FROM and the joins. */
export interface CheckedSources {
  readonly scope: CheckScope
  readonly joined: readonly JoinedSource[]
  readonly sources: readonly SourceIr[]
}

/**
 * Checks FROM and the joins: one relation a step, all of one schema, each alias once, each joined by an equality.
 * Null if a relation is not one; the problems are noted.
 */
export function checkSources(context: QueryContext, raw: readonly RawSource[]): Checked<CheckedSources> {
  const { problems } = context
  if (raw.length === 0) {
    return problems.add('VIEW.INVALID_DEFINITION', 'from', 'the view reads no table; begin with q.from(...)')
  }
  let joined: readonly JoinedSource[] = []
  const sources: SourceIr[] = []
  for (const { tables, join } of raw) {
    const step = join === null ? 'from' : `${join.kind}Join`
    const taken = joined.map(({ alias }) => alias)
    const relation = checkRelation(context, tables, taken, step)
    if (relation === null) continue
    const { alias, from, key } = relation
    const kind = join?.kind
    const own: JoinedSource = { ...relation, optional: false, needed: key }
    const visible = scopeOf(context, [...joined, own])
    const place = `${step}.${alias}`
    const on = join === null ? null : checkOn(visible, alias, join.on, place)
    sources.push({ alias, from, join: kind === undefined || on === null ? null : { kind, on } })
    const missing = kind === 'right' || kind === 'full'
    joined = [
      ...(missing ? joined.map((source) => ({ ...source, optional: true })) : joined),
      {
        ...own,
        optional: kind === 'left' || kind === 'full',
        needed: on === null || kind === undefined ? key : neededFields(relation, kind, on),
      },
    ]
  }
  return joined.length === raw.length ? { scope: scopeOf(context, joined), joined, sources } : null
}

function scopeOf({ schema, problems }: QueryContext, sources: readonly ScopeSource[]): CheckScope {
  invariant(schema !== null, 'relations without a schema')
  return { schema, problems, sources }
}

function checkOn(scope: CheckScope, alias: string, raw: unknown, place: string): Checked<CallIr> {
  if (refuseSubqueries(scope.problems, raw, place)) return null
  const on = checkPredicate(scope, raw, place)
  return on !== null && checkJoin(scope, alias, on, place) ? on : null
}

/** The part of a relation's key that its join does not fix, given the earlier relations. */
function neededFields(
  { alias, key, columns }: Relation,
  kind: 'inner' | 'left' | 'right' | 'full',
  on: CallIr,
): Relation['key'] {
  if (key === null) return null
  if (kind === 'inner' || kind === 'left') {
    const fixed = joinedFields(alias, on)
    return key.filter((field) => !fixed.has(field))
  }
  if (kind === 'right') return key
  // A key that is null throughout would look like a row of the other side alone.
  const neverNull = columns.some(({ field, type }) => key.includes(field) && !type.nullable)
  return neverNull ? key : null
}
