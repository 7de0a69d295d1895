/** What a query may be made of: a choice has one value of each axis. */
export const AXES = {
  relation: ['table', 'subquery', 'view', 'limited', 'set'],
  join: ['none', 'inner', 'left', 'right', 'full', 'self', 'chain', 'mixed'],
  residual: ['none', 'new', 'earlier', 'both'],
  exists: ['none', 'exists', 'notExists', 'existsIf', 'notExistsIf', 'inQuery', 'two'],
  where: ['none', 'compare', 'orNull', 'not', 'computed'],
  group: ['none', 'all', 'one', 'two', 'computed'],
  aggregate: ['none', 'count', 'sum', 'avg', 'minMax', 'distinct', 'bool', 'filter', 'list'],
  having: ['none', 'aggregate', 'group'],
  distinct: ['no', 'yes'],
  limit: ['none', 'limit', 'offset', 'both', 'per'],
  set: ['none', 'union', 'unionAll', 'intersect', 'except'],
  nested: ['none', 'all', 'deep'],
  computed: ['none', 'number', 'case', 'text', 'date', 'condition'],
} as const

export type Axis = keyof typeof AXES
export type Choice = { readonly [A in Axis]: (typeof AXES)[A][number] }
export type PartialChoice = { readonly [A in Axis]?: Choice[A] }

/** Whether some query can have these values together. */
export function isPossible(choice: PartialChoice): boolean {
  const { join, residual, group, aggregate, having, distinct, set, limit, nested } = choice
  if (join === 'none' && residual !== undefined && residual !== 'none') return false
  if (group === 'none' && aggregate !== undefined && aggregate !== 'none') return false
  if (group === 'none' && having !== undefined && having !== 'none') return false
  if (group === 'all' && aggregate === 'none') return false
  if (group === 'all' && having === 'group') return false
  if (group === 'all' && limit === 'per') return false
  const told = distinct === 'yes' || (set !== undefined && set !== 'none')
  // An array of rows has no equality.
  if (nested !== undefined && nested !== 'none' && (told || group === 'all' || group === 'computed'))
    return false
  // A mean has no exact equality, and these tell rows apart.
  if (aggregate === 'avg' && told) return false
  // A set operation's result has no other columns to divide it by than those that order it.
  return set === undefined || set === 'none' || limit !== 'per'
}

/** The plainest query. */
export const PLAIN: Choice = {
  relation: 'table',
  join: 'none',
  residual: 'none',
  exists: 'none',
  where: 'none',
  group: 'none',
  aggregate: 'none',
  having: 'none',
  distinct: 'no',
  limit: 'none',
  set: 'none',
  nested: 'none',
  computed: 'none',
}

export const AXIS_NAMES: readonly Axis[] = Object.keys(AXES).map((name) => {
  if (!isAxis(name)) throw new Error(name)
  return name
})

function isAxis(name: string): name is Axis {
  return name in AXES
}
