import type { Choice } from './axes.ts'
import type { Random } from './random.ts'
import { comparison, constantFor, hasOrder, isComparable, isKey, type Column } from './scope.ts'
import type { Exp } from './spec.ts'

/** A computed value that no row makes Postgres refuse, over columns and aggregates; null if they allow none. */
export function computedValue(
  random: Random,
  kind: Exclude<Choice['computed'], 'none'>,
  columns: readonly Column[],
  aggregates: readonly Exp[],
): Exp | null {
  const small = columns.filter(
    ({ exp, type }) => type.scalar === 'Int' && !type.list && !exp.endsWith('.score'),
  )
  const numbers: readonly Exp[] = [
    ...small.map(({ exp }) => exp),
    ...aggregates.filter((exp) => typeof exp === 'object' && 'agg' in exp && exp.agg.startsWith('count')),
  ]
  const texts = columns.filter(
    ({ type: { scalar, pgType, list } }) => scalar === 'String' && pgType !== 'uuid' && !list,
  )
  const dates = columns.filter(({ type }) => type.scalar === 'DateTime')
  const decimals = columns.filter(({ type }) => type.scalar === 'Decimal')
  switch (kind) {
    case 'number':
      return numbers.length === 0 ? null : numberOf(random, random.pick(numbers), decimals)
    case 'case': {
      const comparable = columns.filter(isComparable)
      if (comparable.length === 0) return null
      const value = random.pick(comparable.filter(isKey).length === 0 ? comparable : comparable.filter(isKey))
      const constant = constantFor(random, value.type)
      return random.pick<Exp>([
        ['coalesce', value.exp, constant],
        ['nullif', value.exp, constant],
        ['case', comparison(random, columns), value.exp, constant],
        ['case', condition(random, columns), value.exp, ['isNull', value.exp], constant, value.exp],
      ])
    }
    case 'text':
      return texts.length === 0 ? null : textOf(random, random.pick(texts).exp)
    case 'date': {
      if (dates.length === 0 || random.once(2)) return castOf(random, small, decimals)
      const { exp } = random.pick(dates)
      return random.once(2)
        ? ['dateTrunc', { v: random.pick(['year', 'month', 'day']) }, exp]
        : ['datePart', { v: random.pick(['year', 'month', 'day', 'isodow']) }, exp]
    }
    default:
      return columns.some(isComparable) ? condition(random, columns) : null
  }
}

function castOf(random: Random, small: readonly Column[], decimals: readonly Column[]): Exp | null {
  if (small.length > 0 && (decimals.length === 0 || random.once(2))) {
    return ['cast', random.pick(small).exp, { v: random.pick(['bigint', 'text', 'numeric(10,2)']) }]
  }
  return decimals.length === 0
    ? null
    : ['cast', random.pick(decimals).exp, { v: random.pick(['text', 'numeric(10,1)']) }]
}

function numberOf(random: Random, value: Exp, decimals: readonly Column[]): Exp {
  const one: Exp = { v: random.pick([1, 2, 3]) }
  if (decimals.length > 0 && random.once(3)) return ['multiply', random.pick(decimals).exp, one]
  return random.pick<Exp>([
    ['add', value, one],
    ['subtract', value, one],
    ['multiply', value, one],
    ['modulo', value, one],
    ['divide', value, one],
    ['negate', value],
    ['abs', value],
    ['coalesce', value, one],
  ])
}

function textOf(random: Random, text: string): Exp {
  return random.pick<Exp>([
    ['concat', text, { v: '-' }, text],
    ['upper', text],
    ['lower', text],
    ['length', text],
    ['trim', text],
    ['substring', text, { v: 1 }, { v: 2 }],
    ['replace', text, { v: 'n' }, { v: '__' }],
    ['coalesce', text, { v: 'none' }],
  ])
}

/** A condition of a further kind. */
export function condition(random: Random, columns: readonly Column[]): Exp {
  const comparable = columns.filter(isComparable)
  const ordered = columns.filter(hasOrder)
  const texts = columns.filter(
    ({ type: { scalar, pgType, list } }) => scalar === 'String' && pgType !== 'uuid' && !list,
  )
  const flags = columns.filter(({ type }) => type.scalar === 'Boolean')
  const lists = columns.filter(({ type }) => type.list)
  const column = random.pick(comparable)
  const constant = (): Exp => constantFor(random, column.type)
  const kinds: Exp[] = [
    ['isDistinctFrom', column.exp, constant()],
    ['isNotDistinctFrom', column.exp, constant()],
    ['inArray', column.exp, constant(), constant()],
    ['eq', ['coalesce', column.exp, constant()], constant()],
  ]
  if (ordered.length > 0) {
    const { exp, type } = random.pick(ordered)
    const [low, high] = [constantFor(random, type), constantFor(random, type)]
    kinds.push(['and', ['gte', exp, low], ['lte', exp, high]])
  }
  if (texts.length > 0) {
    const { exp } = random.pick(texts)
    kinds.push(['like', exp, { v: random.pick(['%n%', 'b_b', 'a\\_%', '%']) }], ['ilike', exp, { v: 'BO%' }])
    kinds.push(['startsWith', exp, { v: random.pick(['B', 'a', '']) }], ['gt', ['length', exp], { v: 3 }])
  }
  if (flags.length > 0) kinds.push(random.pick(flags).exp, ['not', random.pick(flags).exp])
  if (lists.length > 0) kinds.push(['arrayContains', random.pick(lists).exp, { v: random.pick([1, 2]) }])
  return random.pick(kinds)
}
