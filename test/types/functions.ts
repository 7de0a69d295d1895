import { Decimal } from '@prisma/client/runtime/client'
import type { DecimalLike } from '../../src/contract/schema-contract.ts'
import {
  abs,
  add,
  ceil,
  divide,
  floor,
  modulo,
  multiply,
  negate,
  round,
  subtract,
} from '../../src/views/build/arithmetic.ts'
import { count, sum } from '../../src/views/build/aggregates.ts'
import { eq, gt, inArray, isNotNull, isNull } from '../../src/views/build/comparisons.ts'
import { caseWhen, cast, coalesce, nullif } from '../../src/views/build/conditional.ts'
import { datePart, dateTrunc } from '../../src/views/build/dates.ts'
import { defineView, type ViewKey, type ViewRow } from '../../src/views/define-view.ts'
import { between, isDistinctFrom } from '../../src/views/build/distinctness.ts'
import { arrayContains, arrayLength } from '../../src/views/build/lists.ts'
import { and, not } from '../../src/views/build/logic.ts'
import {
  concat,
  ilike,
  length,
  like,
  lower,
  replace,
  startsWith,
  substring,
  trim,
  upper,
} from '../../src/views/build/text.ts'
import type { Equal, Expect } from './equal.ts'
import { Restaurant, Sample, User, Visit, type Role } from './fixture.ts'

/** What the compiler must accept, refuse and infer of the functions of a row. Nothing here runs. */

export const numbers = defineView('numbers', (q) =>
  q.from({ v: Visit }).select(({ v }) => ({
    userId: v.userId,
    restaurantId: v.restaurantId,
    sum: add(v.userId, 1),
    maybe: add(v.userId, v.visitRating),
    paid: subtract(v.amountSpent, v.visitRating),
    gross: multiply(1.19, v.amountSpent),
    big: add(v.userId, 5n),
    decimal: divide(v.userId, new Decimal(3)),
    rest: modulo(v.visitRating, 2),
    minus: negate(v.amountSpent),
    size: abs(v.visitRating),
    rounded: round(v.amountSpent, 1),
    whole: floor(v.visitRating),
    up: ceil(v.amountSpent),
    nested: round(multiply(add(v.amountSpent, 1), coalesce(v.visitRating, 0)), 2),
  })),
)
export type Numbers = Expect<
  Equal<
    ViewRow<typeof numbers>,
    {
      readonly userId: number
      readonly restaurantId: string
      readonly sum: number
      readonly maybe: number | null
      readonly paid: Decimal | null
      readonly gross: Decimal
      readonly big: bigint
      readonly decimal: Decimal
      readonly rest: number | null
      readonly minus: Decimal
      readonly size: number | null
      readonly rounded: Decimal
      readonly whole: number | null
      readonly up: Decimal
      readonly nested: Decimal
    }
  >
>
export type NumbersKey = Expect<
  Equal<ViewKey<typeof numbers>, { readonly userId: number; readonly restaurantId: string }>
>

export const bigs = defineView('bigs', (q) =>
  q.from({ s: Sample }).select(({ s }) => ({
    more: add(s.big, 1),
    sum: add(s.bigNullable, s.int),
    decimal: multiply(s.big, s.decimal),
    floor: floor(s.big),
    rate: multiply(s.double, 2),
  })),
)
export type Bigs = Expect<
  Equal<
    ViewRow<typeof bigs>,
    {
      readonly more: bigint
      readonly sum: bigint | null
      readonly decimal: Decimal
      readonly floor: number
      readonly rate: number
    }
  >
>

export const choices = defineView('choices', (q) =>
  q
    .from({ u: User })
    .leftJoin({ v: Visit }, ({ u, v }) => eq(v.userId, u.id))
    .select(({ u, v }) => ({
      rating: coalesce(v.visitRating, 0),
      either: coalesce(v.visitRating, v.userId),
      role: coalesce(u.role, 'ADMIN'),
      born: coalesce(u.dateOfBirth, new Date(0)),
      none: nullif(u.id, 0),
      mood: caseWhen(gt(v.visitRating, 3), 'good').when(isNull(v.visitRating), 'none').else('bad'),
      open: caseWhen(u.active, u.id),
      score: caseWhen(u.active, 1).else(v.visitRating),
      flag: caseWhen(u.active, isNull(v.userId)).else(false),
      text: cast(u.id, 'text'),
      money: cast(v.visitRating, 'numeric(10, 2)'),
      day: cast(u.dateOfBirth, 'timestamp'),
      one: 1,
      label: 'constant',
    })),
)
export type Choices = Expect<
  Equal<
    ViewRow<typeof choices>,
    {
      readonly rating: number
      readonly either: number | null
      readonly role: Role
      readonly born: Date
      readonly none: number | null
      readonly mood: 'good' | 'none' | 'bad'
      readonly open: number | null
      readonly score: number | null
      readonly flag: boolean
      readonly text: string
      readonly money: DecimalLike | null
      readonly day: Date | null
      readonly one: 1
      readonly label: 'constant'
    }
  >
>

export const texts = defineView('texts', (q) =>
  q.from({ u: User }).select(({ u }) => ({
    id: u.id,
    label: concat(u.userName, ' <', u.email, '>'),
    upper: upper(u.userName),
    lower: lower(u.email),
    length: length(u.email),
    trim: trim(u.email, ' '),
    start: substring(u.email, 1, 3),
    slug: replace(u.userName, ' ', '-'),
    isMail: like(u.email, '%@%'),
    month: datePart('month', u.dateOfBirth),
    begin: dateTrunc('month', u.dateOfBirth),
    cooks: arrayContains(u.interests, 'cooking'),
    interests: arrayLength(u.interests),
  })),
)
export type Texts = Expect<
  Equal<
    ViewRow<typeof texts>,
    {
      readonly id: number
      readonly label: string
      readonly upper: string
      readonly lower: string
      readonly length: number
      readonly trim: string
      readonly start: string
      readonly slug: string
      readonly isMail: boolean
      readonly month: number | null
      readonly begin: Date | null
      readonly cooks: boolean
      readonly interests: number
    }
  >
>

export function conditions(): unknown {
  return defineView('conditions', (q) =>
    q
      .from({ u: User })
      .leftJoin({ v: Visit }, ({ u, v }) => eq(u.id, v.userId))
      .where(({ u, v }) =>
        and(
          gt(add(v.visitRating, 1), 2),
          eq(upper(u.userName), 'ANNA'),
          eq(coalesce(u.role, 'USER'), 'ADMIN'),
          inArray(datePart('year', u.dateOfBirth), [1999, 2000]),
          isDistinctFrom(v.visitRating, u.id),
          between(v.amountSpent, 1, v.visitRating),
          coalesce(u.active, false),
          not(ilike(u.email, '%@example.org')),
          startsWith(u.email, u.userName),
          isNotNull(divide(v.amountSpent, 2)),
          // @ts-expect-error a text is no number
          gt(add(u.userName, 1), 2),
          // @ts-expect-error nor is a computed one
          eq(upper(u.userName), 5),
          // @ts-expect-error the role has no such label
          eq(coalesce(u.role, 'USER'), 'ROOT'),
          // @ts-expect-error a number is not like anything
          like(u.id, '1%'),
          // @ts-expect-error there is no such part
          eq(datePart('moon', u.dateOfBirth), 1),
          // @ts-expect-error a text has no parts
          eq(datePart('year', u.userName), 1),
          // @ts-expect-error a sum is no condition
          add(u.id, 1),
          // @ts-expect-error a list of texts holds no number
          arrayContains(u.interests, 5),
          // @ts-expect-error a text is no list
          gt(arrayLength(u.email), 1),
          // @ts-expect-error not a type to cast to
          eq(cast(u.id, 'varchar'), 'x'),
          // @ts-expect-error the alternatives of a number are numbers
          eq(coalesce(v.visitRating, 'none'), 1),
          // @ts-expect-error the branches are texts
          eq(caseWhen(u.active, 'yes').else(5), 'yes'),
          // @ts-expect-error a number is no condition
          isNull(caseWhen(u.id, 1)),
          // @ts-expect-error an id is compared with numbers
          isNull(nullif(u.id, 'one')),
          // @ts-expect-error two texts have no order with numbers between
          between(u.email, 1, 2),
        ),
      )
      .select(({ u }) => ({ id: u.id })),
  )
}

export function groups(): unknown {
  return defineView('groups', (q) =>
    q
      .from({ r: Restaurant })
      .groupBy(({ r }) => [r.id])
      .having(() => gt(add(count(), 1), 2))
      .select(({ r }) => ({
        id: r.id,
        label: upper(r.id),
        share: round(divide(sum(r.rating), 3)),
        one: 1,
      })),
  )
}
