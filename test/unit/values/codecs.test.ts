import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import type { ColumnContract, ScalarType, Schema } from '../../../src/contract/schema-contract.ts'
import { codecFor } from '../../../src/values/codec-for.ts'
import { sameValue } from '../../../src/values/same-value.ts'
import type { Column } from '../../../src/zset/column.ts'
import { Interner } from '../../../src/zset/interner.ts'
import { SourceTable } from '../../../src/zset/source-table.ts'
import { TEXT_SETTINGS } from '../../../src/testing/canonical-text.ts'
import { testDatabase } from '../../support/database.ts'

interface Case {
  readonly type: ScalarType
  readonly pgType: string
  readonly list?: boolean
  /** SQL expressions of the type with the public value that Prisma Client shows for them. */
  readonly values: readonly (readonly [sql: string, value: unknown])[]
}

const utc = (text: string): Date => new Date(text)
const CASES: readonly Case[] = [
  {
    type: 'Int',
    pgType: 'smallint',
    values: [
      ['-32768', -32_768],
      ['32767', 32_767],
      ['0', 0],
    ],
  },
  {
    type: 'Int',
    pgType: 'integer',
    values: [
      ['-2147483648', -2_147_483_648],
      ['2147483647', 2_147_483_647],
    ],
  },
  {
    type: 'Int',
    pgType: 'oid',
    values: [
      ["'4294967295'", 4_294_967_295],
      ["'0'", 0],
    ],
  },
  {
    type: 'BigInt',
    pgType: 'bigint',
    values: [
      '0',
      '-1',
      '9007199254740993',
      '-9007199254740993',
      '9223372036854775807',
      '-9223372036854775808',
      '4294967296',
      '999999999',
      '-1000000000',
    ].map((text) => [`'${text}'`, BigInt(text)]),
  },
  {
    type: 'Float',
    pgType: 'real',
    values: [
      ["'0.1'", 0.1],
      ["'1e20'", 1e20],
      ["'NaN'", NaN],
      ["'-Infinity'", -Infinity],
    ],
  },
  {
    type: 'Float',
    pgType: 'double precision',
    values: [
      ["'0.1'", 0.1],
      ["'-0'", -0],
      ["'1e-320'", 1e-320],
      ["'1.7976931348623157e308'", 1.7976931348623157e308],
      ["'123456789.12345679'", 123456789.12345679],
      ["'1e15'", 1e15],
      ["'Infinity'", Infinity],
      ["'NaN'", NaN],
      ["'5e-324'", 5e-324],
      ["'0.3'::float8 * 3", 0.3 * 3],
    ],
  },
  {
    type: 'Decimal',
    pgType: 'numeric(10,2)',
    values: ['0', '-0.01', '99999999.99', '-99999999.99', '1.5', '12', 'NaN'].map((text) => [
      `'${text}'`,
      new Decimal(text),
    ]),
  },
  {
    type: 'Decimal',
    pgType: 'numeric(15,15)',
    values: [["'-0.999999999999999'", new Decimal('-0.999999999999999')]],
  },
  { type: 'Decimal', pgType: 'numeric(5,-2)', values: [["'1234567'", new Decimal('1234600')]] },
  { type: 'Decimal', pgType: 'numeric(3,5)', values: [["'0.00123'", new Decimal('0.00123')]] },
  {
    type: 'Decimal',
    pgType: 'numeric(65,30)',
    values: ['1.1', '-123456789012345678901234567890.123456789', 'NaN'].map((text) => [
      `'${text}'`,
      new Decimal(text),
    ]),
  },
  {
    type: 'Decimal',
    pgType: 'numeric',
    values: ['1.100', 'Infinity', '-Infinity', 'NaN', '1e30'].map((text) => [`'${text}'`, new Decimal(text)]),
  },
  {
    type: 'Boolean',
    pgType: 'boolean',
    values: [
      ['true', true],
      ['false', false],
    ],
  },
  {
    type: 'String',
    pgType: 'text',
    values: [
      ["''", ''],
      ["'é 日本 \\'", 'é 日本 \\'],
      ["'NULL'", 'NULL'],
    ],
  },
  { type: 'String', pgType: 'character(5)', values: [["'ab'", 'ab   ']] },
  {
    type: 'String',
    pgType: 'uuid',
    values: [["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  },
  {
    type: 'String',
    pgType: 'inet',
    values: [
      ["'10.0.0.1'", '10.0.0.1'],
      ["'10.0.0.0/8'", '10.0.0.0/8'],
    ],
  },
  { type: 'String', pgType: 'bit(3)', values: [["B'101'", '101']] },
  {
    type: 'Json',
    pgType: 'jsonb',
    values: [
      ["'null'", null],
      [`'{"b":[1,2.5,"x"],"a":{}}'`, { b: [1, 2.5, 'x'], a: {} }],
    ],
  },
  { type: 'Json', pgType: 'json', values: [[`'{"a":1, "a":2}'`, { a: 2 }]] },
  {
    type: 'Bytes',
    pgType: 'bytea',
    values: [
      ["'\\x'", new Uint8Array()],
      ["'\\xdeadBEEF00'", Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0)],
    ],
  },
  {
    type: 'DateTime',
    pgType: 'timestamp(3) without time zone',
    values: [
      ["'2024-01-02 03:04:05.678'", utc('2024-01-02T03:04:05.678Z')],
      ["'1969-12-31 23:59:59.999'", utc('1969-12-31T23:59:59.999Z')],
      ["'0001-01-01'", utc('0001-01-01T00:00:00Z')],
      ["'9999-12-31 23:59:59.999'", utc('9999-12-31T23:59:59.999Z')],
    ],
  },
  {
    type: 'DateTime',
    pgType: 'timestamp(6) with time zone',
    values: [
      ["'2024-01-01 22:04:05.678901+05:30'", utc('2024-01-01T16:34:05.678Z')],
      ["'1969-12-31 23:59:59.999999+00'", utc('1969-12-31T23:59:59.999Z')],
      ["'2000-02-29 00:00:00.000001'", utc('2000-02-29T00:00:00Z')],
    ],
  },
  {
    type: 'DateTime',
    pgType: 'date',
    values: [
      ["'2024-02-29'", utc('2024-02-29T00:00:00Z')],
      ["'1600-03-01'", utc('1600-03-01T00:00:00Z')],
      ["'0001-01-01'", utc('0001-01-01T00:00:00Z')],
    ],
  },
  {
    type: 'DateTime',
    pgType: 'time(6) without time zone',
    values: [
      ["'13:14:15.678901'", utc('1970-01-01T13:14:15.678Z')],
      ["'24:00:00'", utc('1970-01-02T00:00:00Z')],
    ],
  },
  {
    type: 'DateTime',
    pgType: 'time(6) with time zone',
    values: [["'13:14:15.5+05:30'", utc('1970-01-01T13:14:15.500Z')]],
  },
  {
    type: 'Enum',
    pgType: 'mood',
    values: [
      ["'good mood'", 'GOOD'],
      ["'bäd'", 'BAD'],
    ],
  },
  {
    type: 'String',
    pgType: 'text',
    list: true,
    values: [
      ["'{}'", []],
      [`ARRAY['a','b,c','NULL','','q"\\{}']`, ['a', 'b,c', 'NULL', '', 'q"\\{}']],
      ["'[0:1]={x,y}'", ['x', 'y']],
    ],
  },
  {
    type: 'BigInt',
    pgType: 'bigint',
    list: true,
    values: [["'{1,9007199254740993}'", [1n, 9_007_199_254_740_993n]]],
  },
  { type: 'Boolean', pgType: 'boolean', list: true, values: [["'{t,f}'", [true, false]]] },
  { type: 'Enum', pgType: 'mood', list: true, values: [[`'{"good mood",bäd}'`, ['GOOD', 'BAD']]] },
  {
    type: 'DateTime',
    pgType: 'timestamp(3) without time zone',
    list: true,
    values: [[`'{"2024-01-01 00:00:00"}'`, [utc('2024-01-01T00:00:00Z')]]],
  },
  {
    type: 'Json',
    pgType: 'jsonb',
    list: true,
    values: [[`ARRAY['{"a":1}'::jsonb, NULL]`, [{ a: 1 }, null]]],
  },
]

function schemaOf(columns: readonly ColumnContract[]): Schema {
  return {
    Decimal,
    contract: {
      version: 1,
      hash: '',
      enums: [
        {
          name: 'Mood',
          schema: 'public',
          pgName: 'mood',
          values: [
            { name: 'GOOD', label: 'good mood' },
            { name: 'BAD', label: 'bäd' },
          ],
        },
      ],
      models: [
        { model: 'T', schema: 'public', table: 't', key: [], keyIsPrimary: true, relations: [], columns },
      ],
    },
  }
}

function columnOf({ type, pgType, list }: Omit<Case, 'values'>): ColumnContract {
  return {
    field: 'f',
    column: 'f',
    type,
    pgType,
    list: list ?? false,
    nullable: true,
    ...(type === 'Enum' ? { enum: 'Mood' } : {}),
  }
}

function keptColumn(contract: ColumnContract): Column {
  const table = new SourceTable({
    schema: schemaOf([contract]),
    model: 'T',
    fields: new Set(['f']),
    indexes: [],
    slotWords: 0,
    interner: new Interner(),
  })
  table.allocate()
  return table.column('f')
}

function codeOf(work: () => unknown): unknown {
  try {
    work()
    return 'no error'
  } catch (error) {
    return isDbsyncError(error) ? error.code : error
  }
}

test('every type is read off the wire, kept, and shown as Prisma Client shows it', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(`${TEXT_SETTINGS}; CREATE TYPE mood AS ENUM ('good mood', 'bäd')`)
  for (const item of CASES) {
    const contract = columnOf(item)
    const codec = codecFor(schemaOf([contract]), 'T', contract)
    const column = keptColumn(contract)
    for (const [sql, value] of item.values) {
      const { rows } = await client.query<[string]>({
        text: `SELECT (${sql})::${item.pgType}${item.list === true ? '[]' : ''}`,
        rowMode: 'array',
        types: { getTypeParser: () => (text: string) => text },
      })
      const text = rows[0]?.[0] ?? ''
      const place = `${item.pgType} ${sql} printed ${text}`
      const shown = codec.publicFromText(text)
      expect([place, sameValue(shown, value)]).toEqual([place, true])
      // Between other bytes, as in a tuple.
      const bytes = Buffer.from(`9${text}9`)
      column.read(0, bytes, 1, bytes.length - 1)
      expect([place, 'kept', sameValue(column.value(0), value)]).toEqual([place, 'kept', true])
      column.setNull(0)
      expect([place, column.value(0)]).toEqual([place, item.list === true ? [] : null])
      if (item.type === 'Json' && value === null) continue
      if (item.list === true && Array.isArray(value) && value.includes(null)) continue
      // What textFromPublic writes means the same value to the server.
      const written = codec.textFromPublic(value)
      const { rows: back } = await client.query<[string]>({
        text: `SELECT $1::${item.pgType}${item.list === true ? '[]' : ''}`,
        values: [written],
        rowMode: 'array',
        types: { getTypeParser: () => (result: string) => result },
      })
      const read = codec.publicFromText(back[0]?.[0] ?? '')
      expect([place, written, sameValue(read, value)]).toEqual([place, written, true])
    }
  }
})

const DATED = ['date', 'timestamp(3) without time zone', 'timestamp(6) with time zone']

test('what a Date cannot hold is kept in order, and an error where it is shown', () => {
  for (const pgType of DATED) {
    const contract = columnOf({ type: 'DateTime', pgType })
    const codec = codecFor(schemaOf([contract]), 'T', contract)
    const column = keptColumn(contract)
    const last = pgType === 'date' ? '5874897-12-31' : '294276-12-31'
    // prettier-ignore
    const days = ['-infinity', '4713-01-01 BC', '0044-03-15 BC', '0001-12-31 BC', '0001-01-01', '9999-12-31', '10000-01-01', last, 'infinity']
    const words = days.map((day) => {
      const isShown = day === '0001-01-01' || day === '9999-12-31'
      const code = isShown ? 'no error' : 'CHANGES.UNDECODABLE_VALUE'
      const text = pgType === 'date' || day.includes('infinity') ? day : day.replace(/(?= BC|$)/, ' 00:00:00')
      const bytes = Buffer.from(text)
      column.read(0, bytes, 0, bytes.length)
      expect([text, codeOf(() => column.value(0))]).toEqual([text, code])
      expect([text, codeOf(() => codec.publicFromText(text))]).toEqual([text, code])
      const kept = new Int32Array(2)
      expect(column.writeText(text, kept, 0)).toBe(true)
      return [kept[0] ?? 0, kept[1] ?? 0] as const
    })
    const highs = words.map(([high]) => high)
    expect(highs).toEqual([...new Set(highs)].toSorted((a, b) => a - b))
  }
})

test('text that is no date or time is an error at once, from both paths', () => {
  const day = [
    '12024-1-01',
    '2024-13-01',
    '2024-02-30',
    '2023-02-29',
    '2024-00-01',
    '2024-01-00',
    '0000-01-01',
  ]
  const more = [
    'x',
    '',
    '-',
    'BC',
    ' BC',
    'infinit',
    'infinityy',
    '--infinity',
    '2024-01-01x',
    '5874898-01-01',
  ]
  const time = [
    '2024-01-01 ',
    '2024-01-01 24:00:01',
    '2024-01-01 12:60:00',
    '2024-01-01 1:00:00',
    '2024-01-01T12',
  ]
  const zone = [
    '2024-01-01 00:00:00+',
    '2024-01-01 00:00:00+5',
    '2024-01-01 00:00:00+05:',
    '2024-01-01 00:00:00+17',
  ]
  for (const pgType of DATED) {
    const contract = columnOf({ type: 'DateTime', pgType })
    const codec = codecFor(schemaOf([contract]), 'T', contract)
    const column = keptColumn(contract)
    for (const text of [...day, ...more, ...time, ...zone]) {
      // What lies behind the value must not complete it.
      const bytes = Buffer.from(`${text}0:00 BC`)
      const codes = [
        codeOf(() => codec.publicFromText(text)),
        codeOf(() => column.read(0, bytes, 0, bytes.length - 7)),
      ]
      expect([text, ...codes]).toEqual([text, 'CHANGES.UNDECODABLE_VALUE', 'CHANGES.UNDECODABLE_VALUE'])
    }
  }
})

test('text that is not of the type is an error that names the column and not the value', () => {
  const wrong: readonly (readonly [ScalarType, string, string])[] = [
    ['Int', 'integer', '2147483648'],
    ['Int', 'smallint', '40000'],
    ['Int', 'integer', 'secret'],
    ['BigInt', 'bigint', '9223372036854775808'],
    ['BigInt', 'bigint', '1.5'],
    ['Float', 'double precision', '0x10'],
    ['Float', 'double precision', ''],
    ['Decimal', 'numeric(10,2)', '1.234'],
    ['Decimal', 'numeric(10,2)', 'Infinity'],
    ['Boolean', 'boolean', 'yes'],
    ['DateTime', 'time(6) without time zone', '25:00:00'],
  ]
  for (const [type, pgType, text] of wrong) {
    const column = keptColumn(columnOf({ type, pgType }))
    const bytes = Buffer.from(text)
    let message = ''
    const code = codeOf(() => {
      try {
        column.read(0, bytes, 0, bytes.length)
      } catch (error) {
        message = String(error)
        throw error
      }
    })
    expect([pgType, text, code]).toEqual([pgType, text, 'CHANGES.UNDECODABLE_VALUE'])
    expect(message).toContain('T.f')
    expect(message.includes(text)).toBe(text === '')
  }
})

test('an unknown enum label names the enum and the remedy', () => {
  const contract = columnOf({ type: 'Enum', pgType: 'mood' })
  const column = keptColumn(contract)
  const bytes = Buffer.from('new')
  expect(() => column.read(0, bytes, 0, 3)).toThrow(/T\.f.*mood.*prisma generate/)
  expect(codeOf(() => codecFor(schemaOf([contract]), 'T', contract).publicFromText('new'))).toBe(
    'CHANGES.UNKNOWN_ENUM_LABEL',
  )
})

test('a list with a NULL or of two dimensions is an error', () => {
  const codec = codecFor(schemaOf([]), 'T', columnOf({ type: 'Int', pgType: 'integer', list: true }))
  for (const text of ['{1,NULL}', '{{1},{2}}', '{1', '1}', '{1,"2}', '{1}}']) {
    expect([text, codeOf(() => codec.publicFromText(text))]).toEqual([text, 'CHANGES.UNDECODABLE_VALUE'])
  }
})

test('money is refused', () => {
  expect(codeOf(() => codecFor(schemaOf([]), 'T', columnOf({ type: 'Decimal', pgType: 'money' })))).toBe(
    'VIEW.UNSUPPORTED',
  )
})

test('a public value of the wrong type is refused', () => {
  for (const { type, pgType } of CASES.filter((item) => item.list !== true && item.type !== 'Json')) {
    const codec = codecFor(schemaOf([]), 'T', columnOf({ type, pgType }))
    const code = codeOf(() => codec.textFromPublic({ wrong: true }))
    expect([pgType, code]).toEqual([pgType, 'CONFIG.INVALID_OPTIONS'])
  }
})

test('an offset behind a timestamp shifts the instant, across the hour too', () => {
  const codec = codecFor(
    schemaOf([]),
    'T',
    columnOf({ type: 'DateTime', pgType: 'timestamp(6) with time zone' }),
  )
  for (const text of [
    '2024-01-01 01:04:05.678901+05:30',
    '2023-12-31 12:19:05.678901-07:15',
    '2023-12-31T19:34:05.678901Z',
    '2023-12-31 19:34:05.678901+00',
  ]) {
    expect([text, codec.publicFromText(text)]).toEqual([text, utc('2023-12-31T19:34:05.678Z')])
  }
})
