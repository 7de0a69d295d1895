import { expect, test } from 'vitest'
import { DbsyncError } from '../../../src/core/errors.ts'
import { count, max } from '../../../src/views/build/aggregates.ts'
import * as comparisons from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import * as distinctness from '../../../src/views/build/distinctness.ts'
import * as logic from '../../../src/views/build/logic.ts'
import { nowMinus } from '../../../src/views/build/moving-time.ts'
import { nest } from '../../../src/views/build/nest.ts'
import { asc } from '../../../src/views/build/order.ts'
import { add } from '../../../src/views/build/arithmetic.ts'
import { coalesce } from '../../../src/views/build/conditional.ts'
import { Item } from '../../conformance/item.ts'

/** The functions as plain JavaScript sees them: what the types refuse must be refused at run time too. */
type Row = Readonly<Record<string, unknown>>
type Loose = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>
const functions = {
  ...comparisons,
  ...distinctness,
  ...logic,
  add,
  asc,
  coalesce,
  count,
  max,
  nest,
  nowMinus,
}
const f = functions as unknown as Readonly<
  Record<keyof typeof functions, (...args: readonly unknown[]) => unknown>
>
interface Steps {
  readonly [step: string]: (...args: readonly unknown[]) => Steps
}

function problemOf(build: (from: Steps, q: Steps) => unknown): string {
  const builder = (q: Steps): unknown => build(q['from']?.({ i: Item }) as Steps, q)
  try {
    ;(defineView as unknown as (name: string, builder: unknown) => unknown)('v', builder)
  } catch (error) {
    if (error instanceof DbsyncError) return `${error.code} ${error.message}`
    throw error
  }
  return 'no problem'
}

const call = (steps: Steps, name: string, ...args: readonly unknown[]): Steps => {
  const step = steps[name]
  if (step === undefined) throw new Error(name)
  return step.call(steps, ...args)
}
const id = ({ i }: { i: Row }): unknown => ({ id: i['id'] })
const where = (condition: (i: Row) => unknown) => (from: Steps) =>
  call(
    call(from, 'where', ({ i }: { i: Row }) => condition(i)),
    'select',
    id,
  )
const day = (): unknown => f.nowMinus({ days: 1 })
const recent = (i: Row): unknown => f.gt(i['at'], day())

const REASON =
  ': nowMinus is one side of gt, gte, lt or lte in where, by itself or inside and, alone: elsewhere the answer would change ' +
  'with the clock, row by row. For or, join two queries by union; for not, turn the comparison round; for a condition of a ' +
  'join, filter a query in from; what is shown of the time, compute when the row is read'

test.each<[what: string, place: string, build: (from: Steps, q: Steps) => unknown]>([
  ['inside or', 'where', where((i) => f.or(recent(i), f.eq(i['id'], 1)))],
  ['inside not', 'where', where((i) => f.not(recent(i)))],
  ['inside and inside or', 'where', where((i) => f.or(f.and(recent(i)), f.eq(i['id'], 1)))],
  ['equal', 'where', where((i) => f.eq(i['at'], day()))],
  ['between', 'where', where((i) => f.isDistinctFrom(i['at'], day()))],
  ['null', 'where', where(() => f.isNull(day()))],
  ['as the condition', 'where', where(() => day())],
  ['inside a function', 'where', where((i) => f.gt(i['at'], f.coalesce(day(), i['zoned'])))],
  ['two of them', 'where', where(() => f.gt(day(), day()))],
  [
    'selected',
    'select.now',
    (from) => call(from, 'select', ({ i }: { i: Row }) => ({ id: i['id'], now: day() })),
  ],
  [
    'compared in select',
    'select.isNew',
    (from) => call(from, 'select', ({ i }: { i: Row }) => ({ id: i['id'], isNew: recent(i) })),
  ],
  [
    'in having',
    'having',
    (from) => {
      const grouped = call(from, 'groupBy', ({ i }: { i: Row }) => [i['id']])
      return call(
        call(grouped, 'having', ({ i }: { i: Row }) => f.gt(f.max(i['at']), day())),
        'select',
        id,
      )
    },
  ],
  [
    'in the condition of a join',
    'leftJoin.j',
    (from) =>
      call(
        call(from, 'leftJoin', { j: Item }, ({ i, j }: { i: Row; j: Row }) =>
          f.and(f.eq(i['id'], j['int']), recent(j)),
        ),
        'select',
        id,
      ),
  ],
  [
    'in EXISTS',
    'whereExists.j',
    (from) =>
      call(
        call(from, 'whereExists', { j: Item }, ({ i, j }: { i: Row; j: Row }) =>
          f.and(f.eq(i['id'], j['int']), recent(j)),
        ),
        'select',
        id,
      ),
  ],
  [
    'in groupBy',
    'groupBy.0',
    (from) =>
      call(
        call(from, 'groupBy', () => [day()]),
        'select',
        () => ({ n: f.count() }),
      ),
  ],
  ['in orderBy', 'orderBy.0', (from) => call(call(from, 'select', id), 'orderBy', () => [f.asc(day())])],
  ['in an aggregate', 'select.n', (from) => call(from, 'select', () => ({ n: f.max(day()) }))],
  [
    'in a filter',
    'select.n.filter',
    (from) =>
      call(from, 'select', ({ i }: { i: Row }) => ({
        n: (f.count() as Loose)['filter']?.(recent(i)),
      })),
  ],
])('a moving time %s is refused with its reason', (_, place, build) => {
  expect(problemOf(build)).toContain(`VIEW.UNSUPPORTED v.${place}${REASON}`)
})

const NEEDED = '; it needs an object of numbers under weeks, days, hours, minutes, seconds'

test.each<[interval: unknown, found: string]>([
  [{ months: 1 }, 'months, which have no fixed length'],
  [{ days: 1, years: 1 }, 'years, which have no fixed length'],
  [{ fortnights: 1 }, 'a unit "fortnights"'],
  [{ toString: 1 }, 'a unit "toString"'],
  [{}, 'no length'],
  [{ days: undefined }, 'no length'],
  [{ days: '1' }, 'no number of days'],
  [{ days: Number.NaN }, 'no number of days'],
  [{ seconds: Infinity }, 'no number of seconds'],
  [{ days: 36_526 }, 'a length of more than a hundred years'],
  [{ weeks: -6000 }, 'a length of more than a hundred years'],
  [30, 'a number'],
  [null, 'null'],
])('an interval of %j is refused', (interval, found) => {
  expect(problemOf(where((i) => f.gt(i['at'], f.nowMinus(interval))))).toBe(
    `VIEW.INVALID_DEFINITION v.where: nowMinus has ${found}${NEEDED}`,
  )
})

test.each([
  ['day', 'i.day (date)'],
  ['clock', 'i.clock (time(6) without time zone)'],
  ['text', 'i.text (text)'],
])('a %s is not compared with a moving time', (field, label) => {
  expect(problemOf(where((i) => f.lt(f.nowMinus({ days: 1 }), i[field])))).toBe(
    `VIEW.INVALID_DEFINITION v.where: ${label} is compared with nowMinus; it needs a timestamp. Cast a date to timestamp or timestamptz`,
  )
})

test('a length is written in seconds, to the microsecond', () => {
  const view = (interval: Parameters<typeof nowMinus>[0]): string =>
    defineView('v', (q) =>
      q
        .from({ i: Item })
        .where(({ i }) => comparisons.lt(nowMinus(interval), i.zoned))
        .select(({ i }) => ({ id: i.id })),
    ).sql.replace(/^[^]*WHERE /, '')
  expect(view({ weeks: 1, days: 1, hours: 1, minutes: 1, seconds: 1 })).toBe(
    `("i"."zoned" > (now() - INTERVAL '694861 seconds'))`,
  )
  expect(view({ seconds: 0.000_001 })).toBe(`("i"."zoned" > (now() - INTERVAL '0.000001 seconds'))`)
  expect(view({ hours: -1.5, seconds: 1.1 })).toBe(
    `("i"."zoned" > (now() - INTERVAL '-5398.900000 seconds'))`,
  )
  expect(view({ seconds: 0 })).toBe(`("i"."zoned" > (now() - INTERVAL '0 seconds'))`)
})
