import type { Choice } from './axes.ts'
import type { Random } from './random.ts'
import { comparison, hasOrder, isKey, isOrdered, type Column, type Source } from './scope.ts'
import type { AggregateSpec, Exp, OrderSpec } from './spec.ts'

/** One or two aggregates of a kind over columns; `count` where no column fits. `told`: rows are told apart by them. */
export function aggregates(
  random: Random,
  kind: Choice['aggregate'],
  columns: readonly Column[],
  sources: readonly Source[],
  told: boolean,
): readonly AggregateSpec[] {
  if (kind === 'none') return []
  const all = Array.from({ length: 1 + random.below(2) }, () => one(random, kind, columns, sources, told))
  return all.filter(
    (item, index) => all.findIndex((other) => JSON.stringify(other) === JSON.stringify(item)) === index,
  )
}

function one(
  random: Random,
  kind: Exclude<Choice['aggregate'], 'none'>,
  columns: readonly Column[],
  sources: readonly Source[],
  told: boolean,
): AggregateSpec {
  const of = (agg: string, fits: readonly Column[]): AggregateSpec =>
    fits.length === 0 ? { agg: 'count' } : { agg, of: random.pick(fits).exp }
  const summable = new Set(['Int', 'BigInt', 'Decimal'])
  // The sum of what is wider is a numeric without a scale.
  const numbers = columns.filter(({ type }) =>
    type.list ? false : told ? /^(smallint|integer)$/.test(type.pgType) : summable.has(type.scalar),
  )
  const flat = columns.filter(({ type }) => !type.list)
  switch (kind) {
    case 'count':
      return random.once(2) ? { agg: 'count' } : of('count', flat)
    case 'sum':
      return of('sum', numbers)
    case 'avg':
      return of('avg', numbers)
    case 'minMax':
      return of(random.pick(['min', 'max']), columns.filter(hasOrder))
    case 'distinct':
      return of('countDistinct', columns.filter(isKey))
    case 'bool': {
      const flags: readonly Exp[] = columns
        .filter(({ type }) => type.scalar === 'Boolean')
        .map(({ exp }) => exp)
      return {
        agg: random.pick(['boolAnd', 'boolOr']),
        of: random.pick([...flags, comparison(random, columns)]),
      }
    }
    case 'filter': {
      const inner = one(
        random,
        random.pick(['count', 'sum', 'minMax', 'distinct', 'list'] as const),
        columns,
        sources,
        told,
      )
      return { ...inner, filter: comparison(random, columns) }
    }
    default:
      return list(random, columns, sources, told)
  }
}

/** An aggregate of values in a total order. */
function list(
  random: Random,
  columns: readonly Column[],
  sources: readonly Source[],
  told: boolean,
): AggregateSpec {
  const keys = sources.flatMap(({ key }) => key ?? [])
  const first = random.sample(columns.filter(isOrdered), 1)
  const order = [...first, ...keys.filter((key) => !first.includes(key))].map(({ exp }): OrderSpec =>
    random.once(2) ? { by: exp, desc: true } : { by: exp },
  )
  const texts = columns.filter(
    ({ type: { scalar, pgType, list: isList } }) => scalar === 'String' && pgType !== 'uuid' && !isList,
  )
  const numbers = columns.filter(({ type: { scalar, list: isList } }) => scalar === 'Int' && !isList)
  if (texts.length > 0 && (told || random.once(2))) {
    return { agg: 'stringAgg', of: random.pick(texts).exp, separator: random.pick([', ', '']), order }
  }
  const exact = numbers.filter(({ type }) => /^(smallint|integer)$/.test(type.pgType))
  if (told || exact.length === 0) return { agg: 'count' }
  return { agg: random.pick(['arrayAgg', 'jsonAgg']), of: random.pick(exact).exp, order }
}
