import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../src/core/errors.ts'
import { quoteLiteral } from '../../src/core/quote.ts'
import type { Arithmetic } from '../../src/values/arithmetic.ts'
import { arrayLength } from '../../src/values/array-functions.ts'
import { makeCast } from '../../src/values/cast-value.ts'
import { makeValueComparison } from '../../src/values/compare-values.ts'
import {
  DATE_PARTS,
  DAY_PARTS,
  partOfDay,
  partOfInstant,
  partOfTime,
  TRUNC_UNITS,
} from '../../src/values/date-part.ts'
import { DOUBLE_ARITHMETIC, REAL_ARITHMETIC, roundHalfEvenFloat } from '../../src/values/float-arithmetic.ts'
import {
  BIGINT_ARITHMETIC,
  INTEGER_ARITHMETIC,
  SMALLINT_ARITHMETIC,
} from '../../src/values/integer-arithmetic.ts'
import { makeLike } from '../../src/values/like-pattern.ts'
import {
  ceilNumeric,
  floorNumeric,
  NUMERIC_ARITHMETIC,
  roundNumeric,
} from '../../src/values/numeric-arithmetic.ts'
import { shortestReal } from '../../src/values/shortest-real.ts'
import {
  lowerText,
  replaceText,
  substringOf,
  textLength,
  trimText,
  upperText,
} from '../../src/values/text-functions.ts'
import { truncateDate, truncateInstant } from '../../src/values/truncate-instant.ts'
import { textOfNumeric, textOfValue, valueKind, valueOfText } from '../../src/values/value-of-text.ts'
import type { NumericValue, Value } from '../../src/values/value.ts'
import { attempts, prepareAttempts } from '../support/attempts.ts'
import { testDatabase } from '../support/database.ts'
import { dayText, TEXTS, type Type } from './function-texts.ts'

/*
 * Every function of a row beside the server's own, over generated values: the same value with the same digits, or the same
 * SQLSTATE.
 */

/** One function: the types of its arguments, its SQL, and our own. */
interface Case {
  readonly name: string
  readonly types: readonly Type[]
  readonly sql: (...args: string[]) => string
  readonly result: string
  readonly ours: (...args: Value[]) => Value
  /** Where a text is wrong in two ways, either error will do. */
  readonly anyError?: boolean
  /** Narrower arguments than any of the type. */
  readonly texts?: readonly (fc.Arbitrary<string> | undefined)[]
}

const RUNS = 400

/* Each function is written for its own types; the cases hold values of any. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const arithmetics = {
  smallint: SMALLINT_ARITHMETIC,
  integer: INTEGER_ARITHMETIC,
  bigint: BIGINT_ARITHMETIC,
  numeric: NUMERIC_ARITHMETIC,
  'double precision': DOUBLE_ARITHMETIC,
  real: REAL_ARITHMETIC,
} as unknown as Readonly<Record<Type, Partial<Arithmetic<Value>>>>

const OPERATORS = { add: '+', subtract: '-', multiply: '*', divide: '/', modulo: '%' } as const

const ARITHMETIC: readonly Case[] = (Object.keys(arithmetics) as Type[]).flatMap((type) => {
  const own = arithmetics[type]
  const binary = Object.entries(OPERATORS).flatMap(([name, operator]): Case[] => {
    const compute = own[name as keyof typeof OPERATORS]
    return compute === undefined
      ? []
      : [
          {
            name,
            types: [type, type],
            sql: (a, b) => `${a} ${operator} ${b}`,
            result: type,
            ours: (a = null, b = null) => compute(a, b),
          },
        ]
  })
  const unary = (['negate', 'abs'] as const).map((name): Case => {
    const sql = name === 'negate' ? (a: string) => `- ${a}` : (a: string) => `abs(${a})`
    return { name, types: [type], sql, result: type, ours: (a = null) => own[name]?.(a) ?? null }
  })
  return binary.concat(unary)
})

/* The cases give numerics where numerics are due. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const numeric = (value: Value | undefined): NumericValue => value as NumericValue

const ROUNDING: readonly Case[] = [
  {
    name: 'round',
    types: ['numeric', 'smallint'],
    texts: [undefined, fc.integer({ min: -8, max: 20 }).map(String)],
    sql: (a, b) => `round(${a}, ${b})`,
    result: 'numeric',
    ours: (a, b) => roundNumeric(numeric(a), Number(b)),
  },
  {
    name: 'floor',
    types: ['numeric'],
    sql: (a) => `floor(${a})`,
    result: 'numeric',
    ours: (a) => floorNumeric(numeric(a)),
  },
  {
    name: 'ceil',
    types: ['numeric'],
    sql: (a) => `ceil(${a})`,
    result: 'numeric',
    ours: (a) => ceilNumeric(numeric(a)),
  },
  {
    name: 'round',
    types: ['double precision'],
    sql: (a) => `round(${a})`,
    result: 'double precision',
    ours: (a) => roundHalfEvenFloat(Number(a)),
  },
]

const CAST_TEXTS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  number: fc.oneof(
    TEXTS.bigint,
    TEXTS.numeric,
    fc.double().map(String),
    fc
      .tuple(TEXTS.integer, fc.constantFrom(' ', '\t\n', '+', 'e3', '.', 'x'))
      .map(([a, b]) => `${b}${a}${b}`),
    fc.constantFrom(
      '',
      '.',
      '.5',
      '5.',
      '+5',
      '1e',
      '1e5',
      '-.5e-3',
      'nan',
      '+nan',
      'inf',
      '-Infinity',
      '1e400',
      '1e-400',
      '١',
    ),
  ),
  boolean: fc.constantFrom(
    't',
    'TRUE',
    ' tru',
    'f',
    'fals ',
    'y',
    'no',
    'on',
    'o',
    'of',
    'OFF',
    '1',
    '0',
    '2',
    '',
    'tt',
    'yes\n',
  ),
}

const CASTS: readonly Case[] = (
  [
    ['smallint', ['smallint', 'integer', 'bigint', 'numeric', 'numeric(3,1)', 'double precision', 'text']],
    ['integer', ['smallint', 'integer', 'bigint', 'numeric(5,-2)', 'double precision', 'text', 'boolean']],
    ['bigint', ['smallint', 'integer', 'numeric(25,4)', 'double precision', 'text']],
    [
      'numeric',
      ['smallint', 'integer', 'bigint', 'numeric(8,3)', 'numeric(3,5)', 'double precision', 'text'],
    ],
    ['double precision', ['smallint', 'integer', 'bigint', 'numeric', 'numeric(12,4)', 'double precision']],
    ['real', ['integer', 'bigint', 'numeric', 'double precision']],
    ['boolean', ['integer', 'text', 'boolean']],
    [
      'text',
      ['smallint', 'integer', 'bigint', 'numeric', 'numeric(9,2)', 'double precision', 'boolean', 'text'],
    ],
    ['date', ['timestamp without time zone', 'date']],
    ['timestamp without time zone', ['date', 'timestamp without time zone']],
  ] as const
).flatMap(([from, targets]) =>
  targets.map((to): Case => {
    const cast = makeCast(from, to)
    const texts = to === 'boolean' ? CAST_TEXTS['boolean'] : CAST_TEXTS['number']
    return {
      name: `cast to ${to}`,
      types: [from],
      sql: (a) => `CAST(${a} AS ${to})`,
      result: to,
      ours: (a = null) => (cast === undefined ? 'no cast' : cast(a)),
      ...(from === 'text' && to !== 'text' ? { texts: [texts], anyError: true } : {}),
    }
  }),
)

const text = (value: Value | undefined): string => textOfValue(value ?? null)
const SMALL = fc.integer({ min: -3, max: 9 }).map(String)
const PATTERN = fc.string({
  unit: fc.constantFrom('a', 'B', '%', '%', '_', '\\', 'é', '😀', '!'),
  maxLength: 6,
})
const SUBJECT = fc.string({ unit: fc.constantFrom('a', 'b', 'B', 'é', '😀', '%', '\\', '!'), maxLength: 8 })

const TEXT_CASES: readonly Case[] = [
  {
    name: 'upper',
    types: ['text'],
    sql: (a) => `upper(${a} COLLATE "C")`,
    result: 'text',
    ours: (a) => upperText(text(a)),
  },
  {
    name: 'lower',
    types: ['text'],
    sql: (a) => `lower(${a} COLLATE "C")`,
    result: 'text',
    ours: (a) => lowerText(text(a)),
  },
  {
    name: 'length',
    types: ['text'],
    sql: (a) => `length(${a})`,
    result: 'integer',
    ours: (a) => textLength(text(a)),
  },
  {
    name: 'btrim',
    types: ['text', 'text'],
    sql: (a, b) => `btrim(${a}, ${b})`,
    result: 'text',
    ours: (a, b) => trimText(text(a), text(b)),
  },
  {
    name: 'trim',
    types: ['text'],
    sql: (a) => `trim(${a})`,
    result: 'text',
    ours: (a) => trimText(text(a), ' '),
  },
  {
    name: 'substring from',
    types: ['text', 'integer'],
    texts: [undefined, fc.oneof(SMALL, TEXTS.integer)],
    sql: (a, b) => `substring(${a} from ${b})`,
    result: 'text',
    ours: (a, b) => substringOf(text(a), Number(b), null),
  },
  {
    name: 'substring from for',
    types: ['text', 'integer', 'integer'],
    texts: [undefined, fc.oneof(SMALL, TEXTS.integer), fc.oneof(SMALL, TEXTS.integer)],
    sql: (a, b, c) => `substring(${a} from ${b} for ${c})`,
    result: 'text',
    ours: (a, b, c) => substringOf(text(a), Number(b), Number(c)),
  },
  {
    name: 'replace',
    types: ['text', 'text', 'text'],
    texts: [SUBJECT, fc.string({ unit: fc.constantFrom('a', 'b', '$&'), maxLength: 2 }), undefined],
    sql: (a, b, c) => `replace(${a}, ${b}, ${c})`,
    result: 'text',
    ours: (a, b, c) => replaceText(text(a), text(b), text(c)),
  },
  {
    name: 'like',
    types: ['text', 'text'],
    texts: [SUBJECT, PATTERN],
    sql: (a, b) => `${a} LIKE ${b} COLLATE "C"`,
    result: 'boolean',
    ours: (a, b) => makeLike(text(b), '\\', false)(text(a)),
  },
  {
    name: 'like escape',
    types: ['text', 'text', 'text'],
    texts: [SUBJECT, PATTERN, fc.constantFrom('!', '', 'B', '%', '😀')],
    sql: (a, b, c) => `${a} COLLATE "C" LIKE ${b} ESCAPE ${c}`,
    result: 'boolean',
    ours: (a, b, c) => makeLike(text(b), text(c), false)(text(a)),
  },
  {
    name: 'ilike escape',
    types: ['text', 'text', 'text'],
    texts: [SUBJECT, PATTERN, fc.constantFrom('\\', 'B')],
    sql: (a, b, c) => `${a} ILIKE ${b} COLLATE "C" ESCAPE ${c}`,
    result: 'boolean',
    ours: (a, b, c) => makeLike(text(b), text(c), true)(text(a)),
  },
]

const DATE_CASES: readonly Case[] = [
  ...DATE_PARTS.flatMap((part): Case[] => {
    const isWhole = part !== 'second' && part !== 'epoch'
    const sql = (a: string): string =>
      isWhole ? `extract(${part} FROM ${a})::integer` : `date_part('${part}', ${a})`
    const result = isWhole ? 'integer' : 'double precision'
    const onDay: Case = { name: part, types: ['date'], sql, result, ours: (a) => partOfDay(part, Number(a)) }
    const onTime: Case = {
      name: part,
      types: ['time without time zone'],
      sql,
      result,
      ours: (a) => partOfTime(part, Number(a)),
    }
    const onInstant: Case = {
      name: part,
      types: ['timestamp without time zone'],
      sql,
      result,
      ours: (a) => partOfInstant(part, a as bigint),
    }
    if (part === 'epoch') return [onInstant, onDay, onTime]
    return [onInstant, (DAY_PARTS as readonly string[]).includes(part) ? onDay : onTime]
  }),
  ...TRUNC_UNITS.flatMap((unit): Case[] => [
    {
      name: `date_trunc ${unit}`,
      types: ['timestamp without time zone'],
      sql: (a) => `date_trunc('${unit}', ${a})`,
      result: 'timestamp without time zone',
      ours: (a) => truncateInstant(unit, a as bigint),
    },
    {
      name: `date_trunc ${unit}`,
      types: ['date'],
      sql: (a) => `date_trunc('${unit}', ${a}::timestamp)::date`,
      result: 'date',
      texts: [fc.integer({ min: -800_000, max: 3_000_000 }).map(dayText)],
      ours: (a) => truncateDate(unit, Number(a)),
    },
  ]),
]

const NUMBERS: readonly Type[] = ['integer', 'bigint', 'numeric', 'real', 'double precision']

const COMPARISONS: readonly Case[] = [
  ...NUMBERS.flatMap((left) => NUMBERS.map((right) => [left, right] as const)),
  ['text', 'text'] as const,
  ['date', 'date'] as const,
].map(([left, right]): Case => {
  const compare = makeValueComparison(valueKind(left), valueKind(right))
  const collation = left === 'text' ? ' COLLATE "C"' : ''
  return {
    name: 'compare',
    types: [left, right],
    sql: (a, b) => `CASE WHEN ${a} < ${b}${collation} THEN -1 WHEN ${a} = ${b} THEN 0 ELSE 1 END`,
    result: 'integer',
    ours: (a = null, b = null) => Math.sign(compare?.(a, b) ?? Number.NaN),
  }
})

const LISTS: readonly Case[] = [
  {
    name: 'cardinality',
    types: ['text'],
    texts: [
      fc.constantFrom(
        '{}',
        '{a}',
        '{a,NULL,"b,}{"}',
        '{{a,b},{"c\\"d",NULL}}',
        '[0:1]={a,b}',
        '{{{1}},{{2}}}',
      ),
    ],
    sql: (a) => `cardinality(${a}::text[])`,
    result: 'integer',
    ours: (a) => arrayLength(text(a)),
  },
]

for (const [group, cases] of Object.entries({
  arithmetic: ARITHMETIC,
  rounding: ROUNDING,
  casts: CASTS,
  text: TEXT_CASES,
  dates: DATE_CASES,
  comparisons: COMPARISONS,
  lists: LISTS,
})) {
  test(`${group}: every function answers as the server`, async () => {
    await using db = await testDatabase({ schema: 'empty' })
    const client = await db.connect()
    await prepareAttempts(client)
    const seed = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
    const differences: string[] = []
    for (const item of cases) {
      const arbitrary = fc.tuple(...item.types.map((type, index) => item.texts?.[index] ?? TEXTS[type]))
      const rows = fc.sample(arbitrary, { numRuns: RUNS, seed })
      const sql = rows.map((row) =>
        item.sql(...row.map((value, index) => `${quoteLiteral(value)}::${item.types[index]}`)),
      )
      const answers = await attempts(client, sql)
      rows.forEach((row, index) => {
        const answer = answers[index]
        const found = evaluate(item, row)
        const expected =
          answer === undefined || !('text' in answer)
            ? `error ${answer?.sqlState}`
            : textOf(answer.text === null ? null : read(answer.text, item.result), item.result)
        if (item.anyError === true && found.startsWith('error') && expected.startsWith('error')) return
        if (found !== expected) differences.push(`${sql[index]}: ${expected}, found ${found}`)
      })
    }
    expect(differences.slice(0, 20), `seed ${seed}`).toEqual([])
  }, 120_000)
}

function evaluate({ ours, types, result }: Case, row: readonly string[]): string {
  const values = row.map((item, index) => read(item, types[index] ?? 'text'))
  try {
    return textOf(ours(...values), result)
  } catch (error) {
    if (!isDbsyncError(error, 'VIEW.EVALUATION')) throw error
    return `error ${String(error.details['sqlState'])}`
  }
}

function read(item: string, type: string): Value {
  // A real is the double of its shortest text, which a generated text need not be.
  return type === 'real' ? shortestReal(Number(item)) : valueOfText(item, valueKind(type))
}

/** A text for each value: digits of numerics count, and the sign of a zero. */
function textOf(value: Value, type: string): string {
  if (value === null) return 'null'
  if (valueKind(type) === 'numeric') return textOfNumeric(value)
  return Object.is(value, -0) ? '-0' : `${typeof value} ${textOfValue(value)}`
}
