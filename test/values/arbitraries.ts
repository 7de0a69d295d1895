import type fc from 'fast-check'
import { Decimal } from '@prisma/client/runtime/client'
import type { ColumnContract, SchemaContract } from '../../src/contract/schema-contract.ts'
import { formatArrayLiteral } from '../../src/values/array-literal.ts'
import { parsePgTypeName } from '../../src/values/pg-type.ts'
import { columnTexts } from '../../src/testing/column-texts.ts'

/** What the tests insert into a column, as texts that Postgres reads. */
export interface ValueSource {
  /** Always among the values. */
  readonly extremes: readonly string[]
  readonly random: fc.Arbitrary<string>
  /** Values that the column may hold and no client type can show. */
  readonly unshowable: readonly string[]
}

/** Too long for every day, in another form than Postgres prints, or equal to another one that is printed otherwise. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  real: ['-0'],
  'double precision': ['-0'],
  numeric: [
    '9'.repeat(131_072),
    `-${'1234567890'.repeat(13_107)}`,
    `1${'0'.repeat(131_071)}.${'0'.repeat(16_382)}1`,
    `0.${'0'.repeat(16_382)}1`,
    '-0',
    '1e-20',
    '-1e40',
    '1e131071',
  ],
  json: [`1${'0'.repeat(400)}`, `${'['.repeat(900)}${']'.repeat(900)}`, '-1e400'],
  jsonb: [`1${'0'.repeat(400)}`, `${'['.repeat(900)}${']'.repeat(900)}`, '-1e400'],
  uuid: ['{A0EEBC999C0B4EF8BB6D6BB9BD380A11}'],
  inet: ['10.0.0.1/32', '::1/128'],
  xml: ['<?xml version="1.0" encoding="LATIN1"?><a>é</a>', '<?xml version="1.0"?><a/>'],
  'timestamp with time zone': [
    '2024-03-10 02:30:00-05',
    '2024-01-01 00:00:00+14',
    '0001-01-01 15:59:00+15:59',
    '2024-01-01 00:00:00+05:30',
  ],
}

const FAR_DAYS = ['infinity', '-infinity', '0001-12-31 BC', '0044-03-15 BC', '4714-11-24 BC', '10000-01-01', '294276-12-31'] // prettier-ignore
const UNSHOWABLE: Readonly<Record<string, readonly string[]>> = {
  date: [...FAR_DAYS, '5874897-12-31'],
  'timestamp without time zone': FAR_DAYS,
  'timestamp with time zone': FAR_DAYS.map((value) => (value.includes('infinity') ? value : `${value.replace(' BC', '')} 12:00:00+00${value.endsWith(' BC') ? ' BC' : ''}`)), // prettier-ignore
}

/** What a column of the contract is filled with; throws for a type that nobody thought of. */
export function valuesOf(column: ColumnContract, contract: SchemaContract): ValueSource {
  const { edges, random } = columnTexts({ contract, Decimal }, column)
  const { base, modifiers } = parsePgTypeName(column.pgType)
  // A numeric of a fixed precision has no such values.
  const more = modifiers.length > 0 && base === 'numeric' ? ['-0'] : (MORE[base] ?? [])
  const unshowable = UNSHOWABLE[base] ?? []
  if (!column.list) return { extremes: [...edges, ...more], random, unshowable }
  const withNull = column.type === 'Json'
  const [first = ''] = columnTexts({ contract, Decimal }, { ...column, list: false }).edges
  return {
    extremes: [...edges, formatArrayLiteral(more)],
    random,
    unshowable: [
      ...(withNull ? [] : ['{NULL}', formatArrayLiteral([first, null])]),
      `{${formatArrayLiteral([first])},${formatArrayLiteral([first])}}`,
      `[0:0][5:5]={${formatArrayLiteral([first])}}`,
      ...unshowable.map((value) => formatArrayLiteral([value])),
    ],
  }
}
