import { Decimal } from '@prisma/client/runtime/client'
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
import { eq, gt, gte, inArray, isNotNull, isNull, lt, lte, ne } from '../../src/views/build/comparisons.ts'
import { caseWhen, cast, coalesce, nullif } from '../../src/views/build/conditional.ts'
import { datePart, dateTrunc } from '../../src/views/build/dates.ts'
import { defineView, type ViewDefinition } from '../../src/views/define-view.ts'
import { between, isDistinctFrom, isNotDistinctFrom } from '../../src/views/build/distinctness.ts'
import type { Expression } from '../../src/views/build/expression.ts'
import type { Columns } from '../../src/views/build/infer.ts'
import { arrayContains, arrayLength } from '../../src/views/build/lists.ts'
import { and, not, or } from '../../src/views/build/logic.ts'
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
import type { Table } from '../../src/contract/schema-contract.ts'
import { Item } from './item.ts'

type RowOfTable<T> = T extends Table<string, infer Row> ? Row : never
type Refs = Columns<'i', RowOfTable<typeof Item>, false>

/** Values that are shown, and asked for in conditions: whether they are null, and whether they equal themselves. */
const SHOWN: Readonly<Record<string, (i: Refs) => Expression<unknown>>> = {
  addSmall: (i) => add(i.small, i.small),
  addInt: (i) => add(i.int, i.small),
  addOne: (i) => add(i.int, 1),
  addHalf: (i) => add(i.int, 0.5),
  addBig: (i) => add(i.big, i.int),
  addBigOne: (i) => subtract(i.big, 1),
  addBigint: (i) => add(i.int, 5n),
  addAmount: (i) => add(i.amount, i.int),
  addDecimal: (i) => add(i.int, new Decimal('0.125')),
  addWide: (i) => subtract(i.wide, i.amount),
  addFree: (i) => add(i.free, i.free),
  addDouble: (i) => add(i.dbl, i.int),
  addReal: (i) => add(i.real, i.real),
  addRealInt: (i) => add(i.real, i.int),
  subtractFrom: (i) => subtract(1, i.int),
  multiplyInt: (i) => multiply(i.small, i.small),
  multiplyAmount: (i) => multiply(i.amount, 1.19),
  multiplyFree: (i) => multiply(i.free, i.amount),
  multiplyReal: (i) => multiply(i.real, i.real),
  divideInt: (i) => divide(i.int, nullif(i.small, 0)),
  divideBig: (i) => divide(i.big, 7),
  divideAmount: (i) => divide(i.amount, 3),
  divideWide: (i) => divide(i.wide, nullif(i.amount, 0)),
  divideFree: (i) => divide(i.amount, nullif(i.free, 0)),
  divideDouble: (i) => divide(i.dbl, nullif(i.dbl, 0)),
  moduloInt: (i) => modulo(i.int, 3),
  moduloBig: (i) => modulo(i.big, 1000),
  moduloAmount: (i) => modulo(i.amount, 0.7),
  negateSmall: (i) => negate(i.small),
  negateAmount: (i) => negate(i.amount),
  negateDouble: (i) => negate(i.dbl),
  absInt: (i) => abs(i.int),
  absWide: (i) => abs(i.wide),
  absDouble: (i) => abs(i.dbl),
  roundAmount: (i) => round(i.amount),
  roundDigits: (i) => round(i.wide, 3),
  roundTens: (i) => round(i.amount, -1),
  roundInt: (i) => round(i.int),
  roundBig: (i) => floor(i.big),
  roundDouble: (i) => round(i.dbl),
  roundReal: (i) => round(i.real),
  floorFree: (i) => floor(i.free),
  floorDouble: (i) => floor(i.dbl),
  ceilAmount: (i) => ceil(i.amount),
  ceilDouble: (i) => ceil(i.dbl),
  coalesceInt: (i) => coalesce(i.int, 0),
  coalesceSmall: (i) => coalesce(i.small, 100_000),
  coalesceHalf: (i) => coalesce(i.int, 0.5),
  coalesceMixed: (i) => coalesce(i.int, i.amount, i.free),
  coalesceBig: (i) => coalesce(i.int, i.big),
  coalesceFloat: (i) => coalesce(i.int, i.dbl),
  coalesceAmount: (i) => coalesce(i.amount, 0),
  coalesceFine: (i) => coalesce(i.amount, 0.001),
  coalesceText: (i) => coalesce(i.name, i.text, 'nothing'),
  coalesceMood: (i) => coalesce(i.mood, 'GOOD'),
  coalesceDay: (i) => coalesce(i.day, new Date('2000-01-01T00:00:00Z')),
  coalesceZoned: (i) => coalesce(i.zoned, new Date('2000-01-01T12:34:56Z')),
  coalesceUid: (i) => coalesce(i.uid, '00000000-0000-0000-0000-000000000000'),
  coalesceClock: (i) => coalesce(i.clock, i.clock),
  nullifInt: (i) => nullif(i.int, 1),
  nullifMixed: (i) => nullif(i.int, i.amount),
  nullifDouble: (i) => nullif(i.int, i.dbl),
  nullifText: (i) => nullif(i.text, i.name),
  nullifVarchar: (i) => nullif(i.name, i.text),
  nullifMood: (i) => nullif(i.mood, 'BAD'),
  nullifFree: (i) => nullif(i.free, i.wide),
  caseText: (i) => caseWhen(gt(i.int, 3), 'good').when(isNull(i.int), 'none').else('bad'),
  caseOpen: (i) => caseWhen(gt(i.amount, i.int), i.text),
  caseNumber: (i) => caseWhen(i.flag, i.int).else(i.amount),
  caseConstants: (i) => caseWhen(i.flag, 1).when(eq(i.mood, 'BAD'), 0.5).else(2),
  caseNull: (i) => caseWhen(i.flag, i.day).when(isNull(i.int), null).else(i.day),
  caseMood: (i) => caseWhen(i.flag, i.mood).else('BAD'),
  caseCondition: (i) => caseWhen(isNull(i.int), false).else(gt(i.int, 0)),
  caseGuard: (i) => caseWhen(ne(i.int, 0), divide(100, i.int)).else(0),
  castInt: (i) => cast(i.amount, 'integer'),
  castBig: (i) => cast(i.dbl, 'bigint'),
  castNumeric: (i) => cast(i.dbl, 'numeric'),
  castReal: (i) => cast(i.real, 'numeric(12,4)'),
  castRealDouble: (i) => cast(i.real, 'double precision'),
  castScale: (i) => cast(i.wide, 'numeric(20, 1)'),
  castDouble: (i) => cast(i.free, 'double precision'),
  castText: (i) => concat(cast(i.int, 'text'), '/', cast(i.amount, 'text'), '/', cast(i.flag, 'text')),
  castMood: (i) => cast(i.mood, 'text'),
  castUid: (i) => upper(cast(i.uid, 'text')),
  castFlag: (i) => cast(i.flag, 'integer'),
  castTruth: (i) => cast(i.int, 'boolean'),
  castDay: (i) => cast(i.zoned, 'date'),
  castDayOf: (i) => cast(i.at, 'date'),
  castMidnight: (i) => cast(i.day, 'timestamptz'),
  castLocal: (i) => cast(i.zoned, 'timestamp'),
  castParsed: (i) => cast(caseWhen(eq(i.text, '12'), i.text).else('34'), 'integer'),
  concat: (i) => concat(i.text, '-', i.name),
  upper: (i) => upper(i.text),
  lower: (i) => lower(i.text),
  length: (i) => length(i.text),
  trim: (i) => trim(i.text),
  trimOf: (i) => trim(i.text, 'ab'),
  substring: (i) => substring(i.text, 2),
  substringOf: (i) => substring(i.text, i.small, 2),
  replace: (i) => replace(i.text, 'a', i.name),
  like: (i) => like(i.text, 'a%b'),
  likeName: (i) => like(i.text, concat(i.name, '%')),
  likeEscape: (i) => like(i.text, 'a!%_', { escape: '!' }),
  ilike: (i) => ilike(i.text, '%O_E'),
  startsWith: (i) => startsWith(i.text, i.name),
  ...Object.fromEntries(
    (['year', 'quarter', 'month', 'week', 'day', 'dow', 'isodow', 'doy', 'epoch'] as const).flatMap(
      (part) => [
        [`${part}OfDay`, (i: Refs) => datePart(part, i.day)],
        [`${part}OfAt`, (i: Refs) => datePart(part, i.at)],
        [`${part}OfZoned`, (i: Refs) => datePart(part, i.zoned)],
      ],
    ),
  ),
  ...Object.fromEntries(
    (['hour', 'minute', 'second', 'epoch'] as const).flatMap((part) => [
      [`${part}OfClock`, (i: Refs) => datePart(part, i.clock)],
      [`${part}OfTime`, (i: Refs) => datePart(part, i.zoned)],
    ]),
  ),
  ...Object.fromEntries(
    (['year', 'quarter', 'month', 'week', 'day'] as const).flatMap((unit) => [
      [`${unit}BeginDay`, (i: Refs) => dateTrunc(unit, i.day)],
      [`${unit}BeginZoned`, (i: Refs) => dateTrunc(unit, i.zoned)],
    ]),
  ),
  hourBegin: (i) => dateTrunc('hour', i.at),
  minuteBegin: (i) => dateTrunc('minute', i.zoned),
  secondBegin: (i) => dateTrunc('second', i.at),
  contains: (i) => arrayContains(i.numbers, 1),
  containsInt: (i) => arrayContains(i.numbers, i.int),
  containsText: (i) => arrayContains(i.words, i.text),
  containsWord: (i) => not(arrayContains(i.words, 'a')),
  lengthOf: (i) => arrayLength(i.numbers),
  isDistinct: (i) => isDistinctFrom(i.int, i.small),
  isSame: (i) => isNotDistinctFrom(i.text, i.name),
  between: (i) => between(i.amount, i.int, 10),
  mixed: (i) => lt(i.dbl, i.amount),
  realDouble: (i) => eq(i.real, i.dbl),
  realNumeric: (i) => gte(i.real, i.free),
  isNullOf: (i) => isNull(add(i.int, i.small)),
  isTruth: (i) => eq(i.flag, gt(i.int, 0)),
}

/** Conditions of computed values, in WHERE. */
const ASKED: Readonly<Record<string, (i: Refs) => Expression<boolean | null>>> = {
  compareSum: (i) => gt(add(i.int, i.small), 2),
  compareSums: (i) => lte(multiply(i.amount, 2), add(i.wide, 1)),
  compareText: (i) => lt(lower(i.text), concat(i.name, 'a')),
  compareUpper: (i) => eq(upper(i.text), 'AB'),
  compareLength: (i) => inArray(length(i.text), [0, 2, 3]),
  compareMood: (i) => ne(coalesce(i.mood, 'BAD'), 'GOOD'),
  compareYear: (i) => gte(datePart('year', i.zoned), 2000),
  compareMonth: (i) => eq(dateTrunc('month', i.day), new Date('2024-02-01T00:00:00Z')),
  compareQuotient: (i) => gt(divide(i.amount, 3), 0.5),
  compareWidened: (i) => gt(coalesce(i.int, i.big), 2n),
  compareBranches: (i) => lt(caseWhen(i.flag, i.small).else(i.big), i.int),
  coalesceFlag: (i) => coalesce(i.flag, gt(i.int, 1)),
  caseFlag: (i) => caseWhen(isNotNull(i.int), lt(i.int, 5)).else(i.flag),
  guarded: (i) => and(ne(i.int, 0), gt(divide(10, i.int), 1)),
  either: (i) => or(i.flag, like(i.text, '%a%'), isDistinctFrom(i.big, 1)),
  notLike: (i) => not(ilike(i.text, '%B%')),
  castFlag: (i) => cast(i.int, 'boolean'),
}

const WIDTH = 12

function chunks<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / WIDTH) }, (_, at) =>
    items.slice(at * WIDTH, (at + 1) * WIDTH),
  )
}

const shown = Object.entries(SHOWN)

/** Each function in the select list of a view with a key, some at a time. */
export const SELECTED: readonly ViewDefinition[] = chunks(shown).map((part, at) =>
  defineView(`selected_${at}`, (q) =>
    q
      .from({ i: Item })
      .select(({ i }) => ({ id: i.id, ...Object.fromEntries(part.map(([name, of]) => [name, of(i)])) })),
  ),
)

/** Constants of every type, beside columns. */
export const CONSTANTS = defineView('constants', (q) =>
  q.from({ i: Item }).select(({ i }) => ({
    id: i.id,
    one: 1,
    half: -0.5,
    many: 3_000_000_000,
    big: -5n,
    text: "it's \\ 日本😀",
    yes: true,
    at: new Date('2024-02-29T12:34:56.789Z'),
    amount: new Decimal('1.50'),
    bytes: Uint8Array.of(0, 255),
  })),
)

/** Each function in the condition of a view. */
export const FILTERED: readonly ViewDefinition[] = [
  ...shown.map(([, of], at) =>
    defineView(`present_${at}`, (q) =>
      q
        .from({ i: Item })
        .where(({ i }) => isNotNull(of(i)))
        .select(({ i }) => ({ id: i.id })),
    ),
  ),
  ...Object.values(ASKED).map((of, at) =>
    defineView(`asked_${at}`, (q) =>
      q
        .from({ i: Item })
        .where(({ i }) => of(i))
        .select(({ i }) => ({ id: i.id })),
    ),
  ),
]
