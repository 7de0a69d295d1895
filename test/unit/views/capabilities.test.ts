import { expect, test } from 'vitest'
import { avg, count, max, min, sum } from '../../../src/views/build/aggregates.ts'
import { capabilityOf } from '../../../src/views/check/capabilities.ts'
import { eq, gt, isNull } from '../../../src/views/build/comparisons.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import type { ColumnRef, Selection } from '../../../src/views/build/expression.ts'
import type { QueryStart } from '../../../src/views/build/query-builder.ts'
import { testDatabase } from '../../support/database.ts'
import { contract, DDL, Sample, type SampleRow } from '../../types/fixture.ts'

type Use = 'select' | 'count' | 'isNull' | 'eq' | 'gt' | 'groupBy' | 'minMax' | 'sum' | 'avg'
type Field = keyof SampleRow

/** Columns of every type pass for numbers here: the check at run time is what is under test. */
type Anything = ColumnRef<number, 's.int'>

const CONDITIONS = {
  isNull: (column: Anything) => isNull(column),
  eq: (column: Anything) => eq(column, column),
  gt: (column: Anything) => gt(column, column),
}

const SELECTIONS = {
  select: (column: Anything) => ({ value: column, other: column }),
  count: (column: Anything) => ({ value: count(column), other: count() }),
  minMax: (column: Anything) => ({ value: min(column), other: max(column) }),
  sum: (column: Anything) => ({ value: sum(column), other: count() }),
  avg: (column: Anything) => ({ value: avg(column), other: count() }),
}

/** The views here have no common type. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const define = defineView as unknown as (name: string, build: (q: QueryStart) => unknown) => ViewDefinition

/** The SQL of a view that uses a column in that way. */
function attempt(field: Field, use: Use): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const column = ({ s }: { readonly s: Record<Field, unknown> }): Anything => s[field] as Anything
  return define('v', (q) => {
    const from = q.from({ s: Sample })
    if (use === 'groupBy') {
      return from
        .groupBy((refs) => [column(refs)])
        .select((refs) => ({ value: column(refs), other: count() }))
    }
    if (use === 'isNull' || use === 'eq' || use === 'gt') {
      return from
        .where((refs) => CONDITIONS[use](column(refs)))
        .select(() => ({ value: count(), other: count() }))
    }
    return from.select((refs): Readonly<Record<string, Selection>> => SELECTIONS[use](column(refs)))
  }).sql
}

const READ = ['select', 'count', 'isNull'] as const
const EQUAL = [...READ, 'eq', 'groupBy'] as const
const ORDERED = [...EQUAL, 'gt', 'minMax'] as const
const NUMBER = [...ORDERED, 'sum', 'avg'] as const
const FLOAT = [...READ, 'eq', 'gt', 'minMax'] as const

/** What a view may do with each type; everything else it must refuse. */
const ALLOWED: Readonly<Record<Exclude<Field, 'bigNullable' | 'sel"ect ✓'>, readonly Use[]>> = {
  small: NUMBER,
  int: NUMBER,
  big: NUMBER,
  decimal: NUMBER,
  wide: NUMBER,
  unbound: [...READ, 'eq', 'gt', 'sum', 'avg'],
  oid: ORDERED,
  real: FLOAT,
  double: FLOAT,
  text: ORDERED,
  varchar: ORDERED,
  date: ORDERED,
  timestamp: ORDERED,
  seconds: ORDERED,
  timestamptz: ORDERED,
  time: ORDERED,
  boolean: EQUAL,
  char: EQUAL,
  uuid: EQUAL,
  bit: EQUAL,
  varbit: EQUAL,
  bytes: EQUAL,
  mood: EQUAL,
  citext: READ,
  inet: READ,
  xml: READ,
  json: READ,
  jsonb: READ,
  timetz: READ,
  list: ['select'],
  money: [],
}
const USES = ['select', 'count', 'isNull', 'eq', 'gt', 'groupBy', 'minMax', 'sum', 'avg'] as const
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const FIELDS = Object.keys(ALLOWED) as (keyof typeof ALLOWED)[]

test.each(FIELDS)('what cannot be kept exactly is refused for %s with the reason', (field) => {
  for (const use of USES.filter((item) => !ALLOWED[field].includes(item))) {
    const nonsense = (use === 'sum' || use === 'avg') && !['real', 'double', 'money'].includes(field)
    expect(() => attempt(field, use)).toThrow(
      nonsense ? /sum needs numbers|avg needs numbers/ : /cannot be .* exactly: .{20}/,
    )
  }
})

test('what is allowed is something that Postgres can do', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  for (const field of FIELDS.filter((item) => item !== 'citext')) {
    for (const use of ALLOWED[field]) {
      await expect(db.query(attempt(field, use))).resolves.toEqual(expect.any(Array))
    }
  }
})

test('types that are grouped and joined print equal values alike', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(DDL)
  const forms: readonly (readonly [Field, readonly string[]])[] = [
    ['decimal', ['1', '1.0', '1.00', '01']],
    ['char', ['a', 'a ', 'a    ']],
    ['uuid', ['0C5A1F3E-0000-4000-8000-0000000000AB', '{0c5a1f3e000040008000-0000000000ab}']],
    ['timestamp', ['2024-01-01', '2024-01-01 00:00:00.000', '20240101T000000']],
    ['timestamptz', ['2024-01-01 00:00+00', '2024-01-01 05:30+05:30']],
    ['time', ['1:00', '01:00:00.000']],
    ['bytes', ['a', '\\x61', '\\141']],
    ['boolean', ['t', 'true', 'on', '1']],
  ]
  const columns = contract.models[3]?.columns ?? []
  for (const [field, texts] of forms) {
    const column = columns.find((item) => item.field === field)
    const values = texts.map((text) => `('${text}'::${column?.pgType})`).join(', ')
    const [row] = await db.query(
      `SELECT count(DISTINCT value) AS values, count(DISTINCT format('%s', value)) AS texts FROM (VALUES ${values}) AS t(value)`,
    )
    expect({ field, ...row }).toEqual({ field, values: '1', texts: '1' })
  }
  // And these do not, which is why they are refused.
  for (const [type, texts] of [
    ['numeric', ['1.0', '1.00']],
    ['float8', ['0', '-0']],
    ['jsonb', ['1.0', '1.00']],
  ] as const) {
    const values = texts.map((text) => `('${text}'::${type})`).join(', ')
    const [row] = await db.query(
      `SELECT count(DISTINCT value) AS values, count(DISTINCT format('%s', value)) AS texts FROM (VALUES ${values}) AS t(value)`,
    )
    expect({ type, ...row }).toEqual({ type, values: '1', texts: '2' })
  }
})

test('a type that this version does not know cannot be in a view', () => {
  const type = { scalar: 'String', pgType: 'tsvector', list: false, nullable: false } as const
  expect(capabilityOf(type)).toMatchObject({ read: false, equality: false })
  expect(capabilityOf({ ...type, pgType: 'extensions.citext' })).toMatchObject({
    read: true,
    equality: false,
  })
  expect(capabilityOf({ ...type, pgType: 'character(3)' }).family).not.toBe(
    capabilityOf({ ...type, pgType: 'character(5)' }).family,
  )
})
