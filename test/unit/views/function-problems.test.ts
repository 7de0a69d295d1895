import { expect, test } from 'vitest'
import { DbsyncError } from '../../../src/core/errors.ts'
import * as aggregates from '../../../src/views/build/aggregates.ts'
import * as arithmetic from '../../../src/views/build/arithmetic.ts'
import * as comparisons from '../../../src/views/build/comparisons.ts'
import * as conditional from '../../../src/views/build/conditional.ts'
import * as dates from '../../../src/views/build/dates.ts'
import { defineView } from '../../../src/views/define-view.ts'
import * as lists from '../../../src/views/build/lists.ts'
import * as text from '../../../src/views/build/text.ts'
import { Sample } from '../../types/fixture.ts'

/** The functions as plain JavaScript sees them: what the types refuse must be refused at run time too. */
type Row = Readonly<Record<string, unknown>>
const f = {
  ...aggregates,
  ...arithmetic,
  ...comparisons,
  ...conditional,
  ...dates,
  ...lists,
  ...text,
} as unknown as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>
const call = (name: string, ...args: readonly unknown[]): unknown => f[name]?.(...args)

function problemOf(make: (s: Row) => unknown): string {
  const build = (q: {
    from(sources: unknown): { select(of: (refs: { s: Row }) => unknown): unknown }
  }): unknown => q.from({ s: Sample }).select(({ s }) => ({ id: s['sel"ect ✓'], value: make(s) }))
  try {
    ;(defineView as unknown as (name: string, builder: typeof build) => unknown)('v', build)
  } catch (error) {
    if (error instanceof DbsyncError) return `${error.code} ${error.message}`
    throw error
  }
  return 'no problem'
}

const INVALID = 'VIEW.INVALID_DEFINITION v.select.value: '
const NOT_EXACT = 'VIEW.NOT_EXACT v.select.value: '

test.each<[what: string, make: (s: Row) => unknown, expected: string]>([
  [
    'a sum of a text',
    (s) => call('add', s['text'], 1),
    `${INVALID}add needs numbers, and s.text (text) is not one`,
  ],
  [
    'a sum of a list',
    (s) => call('add', s['list'], 1),
    `${INVALID}add needs numbers, and s.list (text[]) is not one`,
  ],
  [
    'a sum with a text',
    (s) => call('add', s['int'], '1'),
    `${INVALID}add needs numbers, and one of its constants is not one`,
  ],
  ['a sum of constants', () => call('add', 1, 2), `${INVALID}add computes with two constants`],
  [
    'a Float with a Decimal',
    (s) => call('multiply', s['double'], s['decimal']),
    `${INVALID}multiply mixes s.double (double precision) with s.decimal (numeric(6,2)), whose result Postgres rounds`,
  ],
  [
    'a Float with a BigInt',
    (s) => call('add', s['real'], s['big']),
    `${INVALID}add mixes s.real (real) with s.big (bigint)`,
  ],
  [
    'half a BigInt',
    (s) => call('add', s['big'], 0.5),
    `${INVALID}add mixes s.big (bigint) with a constant (double precision)`,
  ],
  [
    'a remainder of a Float',
    (s) => call('modulo', s['double'], 2),
    `${INVALID}modulo of s.double (double precision)`,
  ],
  ['an oid', (s) => call('negate', s['oid']), `${INVALID}negate needs numbers, and s.oid (oid) is not one`],
  [
    'digits of a Float',
    (s) => call('round', s['double'], 2),
    `${INVALID}round of s.double (double precision) to digits`,
  ],
  [
    'half a digit',
    (s) => call('round', s['decimal'], 0.5),
    `${INVALID}the digits of round are given as a number that does not fit`,
  ],

  [
    'an upper number',
    (s) => call('upper', s['int']),
    `${INVALID}upper needs text, and s.int (integer) is not; use cast`,
  ],
  [
    'an upper enum',
    (s) => call('upper', s['mood']),
    `${INVALID}upper needs text, and s.mood ("mood type") is not; use cast`,
  ],
  [
    'the length of a char',
    (s) => call('length', s['char']),
    `${NOT_EXACT}s.char (character(5)) cannot be used in length exactly`,
  ],
  ['a concatenation of constants', () => call('concat', 'a', 'b'), `${INVALID}concat has only constants`],
  [
    'a text with NUL',
    (s) => call('concat', s['text'], '\0'),
    `${INVALID}concat has a string that does not fit`,
  ],
  [
    'a position that is no number',
    (s) => call('substring', s['text'], 'a'),
    `${INVALID}substring has a string that does not fit`,
  ],
  [
    'a position that is a BigInt',
    (s) => call('substring', s['text'], s['big']),
    `${INVALID}substring needs an integer position, and s.big (bigint) is none`,
  ],
  [
    'a pattern of a constant',
    (s) => call('like', 'a', s['text']),
    `${INVALID}like needs a column before its pattern`,
  ],
  [
    'a pattern that ends with its escape',
    (s) => call('like', s['text'], 'a\\'),
    `${INVALID}the pattern of like ends with its escape`,
  ],
  [
    'an escape of two characters',
    (s) => call('ilike', s['text'], 'a', { escape: 'ab' }),
    `${INVALID}the escape of ilike is not one character`,
  ],

  [
    'alternatives of two types',
    (s) => call('coalesce', s['int'], s['text']),
    `${INVALID}the values of coalesce are of types that have none in common`,
  ],
  [
    'a constant of another type',
    (s) => call('coalesce', s['int'], 'a'),
    `${INVALID}coalesce has a string that does not fit; it needs a whole number`,
  ],
  [
    'a label that the enum lacks',
    (s) => call('coalesce', s['mood'], 'UGLY'),
    `${INVALID}coalesce has a string that does not fit; it needs one of`,
  ],
  ['nothing but null', (s) => call('caseWhen', s['boolean'], null), `${INVALID}case has no value but null`],
  [
    'a case of a number',
    (s) => call('caseWhen', s['int'], 1),
    `${INVALID}s.int (integer) is not a condition`,
  ],
  [
    'a case of two types',
    (s) =>
      (call('caseWhen', s['boolean'], s['date']) as { else(value: unknown): unknown }).else(s['timestamp']),
    `${INVALID}the values of case are of types`,
  ],
  [
    'nullif of two types',
    (s) => call('nullif', s['int'], s['text']),
    `${INVALID}nullif compares s.int (integer) with s.text (text)`,
  ],
  [
    'nullif of JSON',
    (s) => call('nullif', s['jsonb'], s['jsonb']),
    `${NOT_EXACT}s.jsonb (jsonb) cannot be compared with nullif exactly`,
  ],

  [
    'a cast to an unknown type',
    (s) => call('cast', s['int'], 'money'),
    `${INVALID}cast does not know the type`,
  ],
  [
    'a cast to no numeric',
    (s) => call('cast', s['int'], 'numeric(2,5)'),
    `${INVALID}cast does not know the type`,
  ],
  [
    'the text of a Float',
    (s) => call('cast', s['double'], 'text'),
    `${NOT_EXACT}a cast of s.double (double precision) to text cannot be exact: the digits`,
  ],
  [
    'the text of a date',
    (s) => call('cast', s['date'], 'text'),
    `${NOT_EXACT}a cast of s.date (date) to text cannot be exact: the text of a date depends on DateStyle`,
  ],
  [
    'a date of a text',
    (s) => call('cast', s['text'], 'date'),
    `${NOT_EXACT}a cast of s.text (text) to date cannot be exact`,
  ],
  [
    'a number of a char',
    (s) => call('cast', s['char'], 'integer'),
    `${NOT_EXACT}a cast of s.char (character(5)) to integer cannot be exact: blanks`,
  ],
  [
    'a number of a date',
    (s) => call('cast', s['date'], 'integer'),
    `${INVALID}a cast of s.date (date) to integer is none that views know`,
  ],
  [
    'an enum as a number',
    (s) => call('cast', s['mood'], 'integer'),
    `${INVALID}a cast of s.mood ("mood type") to integer is none`,
  ],

  [
    'a part of a text',
    (s) => call('datePart', 'year', s['text']),
    `${INVALID}datePart needs a date or a timestamp, and s.text (text) is neither`,
  ],
  [
    'the hour of a date',
    (s) => call('datePart', 'hour', s['date']),
    `${INVALID}datePart of s.date (date) has no such part; it has: year,`,
  ],
  [
    'the day of a time',
    (s) => call('datePart', 'day', s['time']),
    `${INVALID}datePart of s.time (time(6) without time zone) has no such part; it has: hour,`,
  ],
  [
    'a part of a timetz',
    (s) => call('datePart', 'hour', s['timetz']),
    `${INVALID}datePart needs a date or a timestamp`,
  ],
  [
    'an hour of a date',
    (s) => call('dateTrunc', 'hour', s['date']),
    `${INVALID}dateTrunc of s.date (date) has no such unit`,
  ],
  ['an unknown unit', (s) => call('dateTrunc', 'moon', s['timestamp']), `${INVALID}dateTrunc of s.timestamp`],

  [
    'the length of no list',
    (s) => call('arrayLength', s['text']),
    `${INVALID}arrayLength needs a list, and s.text (text) is none`,
  ],
  [
    'a number in texts',
    (s) => call('arrayContains', s['list'], 1),
    `${INVALID}s.list (text[]) is searched for a number that does not fit`,
  ],
  [
    'a column of another type in texts',
    (s) => call('arrayContains', s['list'], s['int']),
    `${INVALID}arrayContains searches s.list (text[]) for s.int (integer)`,
  ],
  [
    'an aggregate of an aggregate inside',
    (s) => call('sum', call('add', call('sum', s['int']), 1)),
    `${INVALID}the aggregate sum stands inside`,
  ],
])('%s is refused', (_, make, expected) => {
  expect(problemOf(make)).toContain(expected)
})

test('a constant takes the type of the column beside it, or its own', () => {
  const sqlOf = (make: (s: Row) => unknown): string => {
    const build = (q: {
      from(sources: unknown): {
        where(of: (refs: { s: Row }) => unknown): { select(of: () => unknown): unknown }
      }
    }): unknown =>
      q
        .from({ s: Sample })
        .where(({ s }) => call('isNotNull', make(s)))
        .select(() => ({ rows: call('count') }))
    const { sql } = (defineView as unknown as (name: string, builder: typeof build) => { sql: string })(
      'v',
      build,
    )
    return /\((.*) IS NOT NULL\)/.exec(sql)?.[1] ?? sql
  }
  expect(sqlOf((s) => call('add', s['small'], 1))).toBe(`("s"."small" + '1'::integer)`)
  expect(sqlOf((s) => call('add', s['int'], 0.5))).toBe(`("s"."int" + '0.5'::double precision)`)
  expect(sqlOf((s) => call('add', s['int'], 3_000_000_000))).toBe(
    `("s"."int" + '3000000000'::double precision)`,
  )
  expect(sqlOf((s) => call('add', s['big'], 1))).toBe(`("s"."big" + '1'::bigint)`)
  expect(sqlOf((s) => call('add', s['decimal'], 0.001))).toBe(`("s"."decimal" + '0.001'::numeric)`)
  expect(sqlOf((s) => call('coalesce', s['small'], 7))).toBe(`coalesce("s"."small", '7'::smallint)`)
  expect(sqlOf((s) => call('coalesce', s['decimal'], 7))).toBe(
    `coalesce("s"."decimal", '7.00'::numeric(6,2))`,
  )
  expect(sqlOf((s) => call('coalesce', s['int'], s['decimal']))).toBe(
    `coalesce(CAST("s"."int" AS numeric), "s"."decimal")`,
  )
  expect(sqlOf((s) => call('coalesce', s['mood'], 'GOOD'))).toMatch(/^coalesce\("s"\."mood", '[^']+'\)$/)
})
