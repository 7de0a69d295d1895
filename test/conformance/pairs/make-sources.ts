import type { Choice } from './axes.ts'
import { NothingToChoose, type Random } from './random.ts'
import { comparison, hasOrder, isKey, sameFamily, sourceOf, type Column, type Source } from './scope.ts'
import type { ExistsSpec, Exp, JoinSpec, QuerySpec, Rel } from './spec.ts'

/** The relations that belong together, as `a = b`. */
const NATURAL = [
  'Person.teamId=Team.id',
  'Team.parentId=Team.id',
  'Person.bossId=Person.id',
  'Award.personId=Person.id',
  'Award.badgeCode=Badge.code',
  'Entry.personId=Person.id',
  'Entry.ref=Person.big',
  'Entry.note=Person.name',
  'Person.teamId=Person.teamId',
]

/** Makes what a query reads: tables, subqueries and views, joined or behind EXISTS. */
export class SourceMaker {
  readonly #random: Random
  readonly #depth: number
  readonly #makeInner: (random: Random, choice: Choice, depth: number) => QuerySpec
  #aliases = 0

  constructor(
    random: Random,
    depth: number,
    makeInner: (random: Random, choice: Choice, depth: number) => QuerySpec,
  ) {
    this.#random = random
    this.#depth = depth
    this.#makeInner = makeInner
  }

  #alias(): string {
    this.#aliases += 1
    return 'abcdefghijklmnop'[this.#aliases - 1] ?? `z${this.#aliases}`
  }

  source(kind: Choice['relation'], model?: string): Source {
    const random = this.#random
    const table = model ?? random.pick(['Team', 'Person', 'Person', 'Badge', 'Award', 'Entry', 'Entry'])
    return sourceOf(this.#alias(), kind === 'table' || this.#depth > 1 ? table : this.#inner(kind))
  }

  #inner(kind: Exclude<Choice['relation'], 'table'>): Rel {
    const random = this.#random
    const group = random.pick(['none', 'one', 'two', 'computed'] as const)
    const aggregate = group === 'none' ? 'none' : random.pick(['count', 'sum', 'minMax'] as const)
    const isSimple = random.once(2)
    const query = this.#makeInner(
      random,
      {
        relation: 'table',
        join: isSimple ? 'none' : random.pick(['none', 'inner', 'left', 'full'] as const),
        residual: 'none',
        exists: random.once(4) ? 'exists' : 'none',
        where: random.pick(['none', 'compare'] as const),
        group,
        aggregate,
        having: group === 'none' || random.once(2) ? 'none' : 'aggregate',
        distinct: group === 'none' && random.once(4) ? 'yes' : 'no',
        limit: kind === 'limited' ? random.pick(['limit', 'both', 'offset', 'per'] as const) : 'none',
        set: kind === 'set' ? random.pick(['union', 'unionAll', 'intersect', 'except'] as const) : 'none',
        nested: 'none',
        computed: 'none',
      },
      this.#depth + 1,
    )
    return kind === 'view' ? { view: query } : query
  }

  joins(choice: Choice, base: Source): readonly [readonly Source[], readonly JoinSpec[]] {
    const random = this.#random
    const sources = [base]
    const joins: JoinSpec[] = []
    const add = (kind: JoinSpec['kind'], residual: Choice['residual'], own?: Source): void => {
      const [source, pairs] = own === undefined ? this.partner(sources) : this.pair(sources, own)
      const earlier = sources.flatMap(({ columns }) => columns)
      const more = this.#residual(residual, source.columns, earlier)
      const all = [...pairs, ...more]
      joins.push({ kind, source: source.named, on: conjunction(random.shuffle(all)) })
      sources.push(source)
    }
    switch (choice.join) {
      case 'none':
        break
      case 'self':
        add(
          random.pick(['inner', 'left', 'full'] as const),
          choice.residual,
          sourceOf(this.#alias(), base.named[1]),
        )
        break
      case 'chain':
        add(random.pick(['inner', 'left'] as const), 'none')
        add(random.pick(['inner', 'left'] as const), choice.residual)
        break
      case 'mixed':
        add(random.pick(['left', 'right', 'full'] as const), random.once(2) ? choice.residual : 'none')
        add(random.pick(['inner', 'left', 'right', 'full'] as const), choice.residual)
        break
      default:
        add(choice.join, choice.residual)
    }
    return [sources, joins]
  }

  /** A relation that has an equality with those there are. */
  partner(sources: readonly Source[]): readonly [Source, readonly Exp[]] {
    const random = this.#random
    const natural = sources.flatMap(({ named: [alias, relation] }) =>
      NATURAL.flatMap((text) => {
        const [left = '', right = ''] = text.split('=')
        return [
          [left, right],
          [right, left],
        ].flatMap(([mine = '', theirs = '']) =>
          typeof relation === 'string' && mine.startsWith(`${relation}.`)
            ? [[`${alias}.${mine.split('.')[1]}`, theirs] as const]
            : [],
        )
      }),
    )
    if (natural.length > 0 && !random.once(8)) {
      const [mine, theirs] = random.pick(natural)
      const [model = '', field = ''] = theirs.split('.')
      const source = sourceOf(this.#alias(), model)
      return [source, [['eq', ...random.shuffle([mine, `${source.named[0]}.${field}`])] as unknown as Exp]]
    }
    const kind =
      this.#depth > 0 || !random.once(3)
        ? 'table'
        : random.pick(['subquery', 'view', 'limited', 'set'] as const)
    return this.pair(sources, this.source(kind))
  }

  pair(sources: readonly Source[], source: Source): readonly [Source, readonly Exp[]] {
    const random = this.#random
    const earlier = sources.flatMap(({ columns }) => columns).filter(isKey)
    const pairs = source.columns
      .filter(isKey)
      .flatMap((own) =>
        earlier.filter((other) => sameFamily(own, other)).map((other) => [own, other] as const),
      )
    const alike = pairs.filter(
      ([own, other]) => own.type.pgType === other.type.pgType && own.type.scalar === other.type.scalar,
    )
    const chosen = random.sample(
      alike.length === 0 || random.once(20) ? pairs : alike,
      random.once(4) ? 2 : 1,
    )
    if (chosen.length === 0) throw new NothingToChoose()
    return [
      source,
      chosen.map(([own, other]): Exp =>
        random.once(2) ? ['eq', own.exp, other.exp] : ['eq', other.exp, own.exp],
      ),
    ]
  }

  #residual(
    residual: Choice['residual'],
    own: readonly Column[],
    earlier: readonly Column[],
  ): readonly Exp[] {
    const random = this.#random
    switch (residual) {
      case 'none':
        return []
      case 'new':
        return [comparison(random, own)]
      case 'earlier':
        return [comparison(random, earlier)]
      default: {
        const pairs = own
          .filter(hasOrder)
          .flatMap((a) => earlier.filter((b) => sameFamily(a, b)).map((b) => [a, b] as const))
        if (pairs.length === 0) return [['or', comparison(random, own), comparison(random, earlier)]]
        const [a, b] = random.pick(pairs)
        return [[random.pick(['lt', 'gte', 'ne']), a.exp, b.exp]]
      }
    }
  }

  exists({ exists }: Choice, sources: readonly Source[]): readonly ExistsSpec[] {
    const random = this.#random
    const columns = sources.flatMap((source) => source.columns)
    const one = (not: boolean, residual: boolean): ExistsSpec => {
      const [source, pairs] = this.partner(sources)
      const more = residual
        ? this.#residual(random.pick(['new', 'earlier', 'both'] as const), source.columns, columns)
        : []
      const all = [...pairs, ...more]
      return { ...(not ? { not } : {}), source: source.named, on: conjunction(all) }
    }
    switch (exists) {
      case 'none':
        return []
      case 'exists':
        return [one(false, false)]
      case 'notExists':
        return [one(true, false)]
      case 'existsIf':
        return [one(false, true)]
      case 'notExistsIf':
        return [one(true, true)]
      case 'two':
        return [one(false, random.once(2)), one(true, random.once(2))]
      default: {
        const [source, [pair]] = this.partner(sources)
        const [alias] = source.named
        if (!Array.isArray(pair)) throw new Error('no pair')
        const [, a, b] = pair as readonly string[]
        const [own = '', other = ''] = a?.startsWith(`${alias}.`) === true ? [a, b] : [b, a]
        // As WHERE of the query: `where` may have a condition of its own.
        return [
          {
            source: [
              'in',
              { from: source.named, where: comparison(random, source.columns), select: { y: own } },
            ],
            on: ['eq', 'in.y', other],
          },
        ]
      }
    }
  }
}

/** All conditions as one. */
export function conjunction(all: readonly Exp[]): Exp {
  const [only, ...others] = all
  return others.length === 0 && only !== undefined ? only : ['and', ...all]
}
