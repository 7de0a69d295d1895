import { isExpression } from '../build/expression.ts'
import type { Problems } from './problems.ts'
import { isQuery, isView } from '../build/raw-query.ts'

/** The candidates of `inArray(tested, query)`: a call whose one candidate is a query. */
export function subqueryOf(raw: unknown): { readonly tested: unknown; readonly query: unknown } | null {
  if (!isExpression(raw) || raw.kind !== 'call' || raw.name !== 'inArray') return null
  const [tested, query] = raw.args
  return raw.args.length === 2 && (isQuery(query) || isView(query)) ? { tested, query } : null
}

/** Notes each query inside an expression that cannot have one; gives whether there was any. */
export function refuseSubqueries(problems: Problems, raw: unknown, place: string, within = ''): boolean {
  if (!isExpression(raw) || raw.kind !== 'call') return false
  if (subqueryOf(raw) === null) {
    return raw.args
      .map((arg) => refuseSubqueries(problems, arg, place, within === 'not' ? within : raw.name))
      .includes(true)
  }
  problems.add(
    'VIEW.UNSUPPORTED',
    place,
    within === 'not'
      ? 'not(inArray(..., query)) is never true once the query gives a null; use whereNotExists, which asks for no equal row'
      : 'inArray with a query stands in where by itself, or inside and, alone; use whereExists, or a left join and isNotNull',
  )
  return true
}
