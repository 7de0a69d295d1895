import { readFile } from 'node:fs/promises'
import { Decimal } from '@prisma/client/runtime/client'
import {
  changeCodec,
  defineSchema,
  keyCodec,
  rowCodec,
  sealContract,
  type ColumnContract,
  type Schema,
} from 'prisma-dbsync'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { schema as example } from '../../../generated/dbsync/index.ts'

/** A schema of one model with a key and these columns. */
function schemaWith(...columns: readonly Partial<ColumnContract>[]): Schema {
  const id = {
    field: 'id',
    column: 'id',
    type: 'Int',
    pgType: 'integer',
    list: false,
    nullable: false,
  } as const
  const contract = sealContract({
    version: 1,
    enums: [{ name: 'Mood', schema: 'public', pgName: 'mood', values: [{ name: 'GLAD', label: 'glad' }] }],
    models: [
      {
        model: 'Thing',
        schema: 'public',
        table: 'thing',
        columns: [
          id,
          ...columns.map((column): ColumnContract =>
            Object.assign({}, id, { field: 'v', column: 'v' }, column),
          ),
        ],
        key: ['id'],
        keyIsPrimary: true,
        relations: [],
      },
    ],
  })
  return defineSchema({ contract, Decimal })
}

/** Why a value of a column is refused when it is read; 'read' where it is not. */
function answerTo(column: Partial<ColumnContract>, json: unknown): string {
  const { data, error } = rowCodec(schemaWith(column), 'Thing').safeDecode({ id: 1, v: json })
  if (error === undefined) return data === undefined ? 'nothing' : 'read'
  expect(error.issues.map(({ path }) => path[0])).toEqual(['v'])
  return error.issues.map(({ message }) => message).join()
}

/** Type and Postgres type; what is read; what is not, and what is asked for. */
const LIMITS: readonly (readonly [string, string, readonly unknown[], readonly unknown[], string])[] = [
  ['Int', 'smallint', [-32_768, 32_767], [32_768, -32_769, 0.5], 'from -32768 to 32767'],
  ['Int', 'integer', [-(2 ** 31), 2 ** 31 - 1], [2 ** 31, -(2 ** 31) - 1], 'from -2147483648 to 2147483647'],
  ['Int', 'oid', [0, 2 ** 32 - 1], [-1, 2 ** 32], 'from 0 to 4294967295'],
  [
    'BigInt',
    'bigint',
    ['-9223372036854775808', '0'],
    ['9223372036854775808', '01', '-0', '1.0', ''],
    'digits',
  ],
  ['Float', 'real', [3.4e38, 'NaN', '-0', '-Infinity'], [3.5e38], 'of real'],
  ['Float', 'double precision', [1.7e308, 0.1], [Infinity], 'double precision'],
  [
    'Decimal',
    'numeric(12,4)',
    ['99999999.9999', '-00000000000001.5', '0', 'NaN'],
    ['100000000.0000', '0.00001', 'Infinity', '1e3', '.5', '+1', ''],
    'numeric(12,4)',
  ],
  ['Decimal', 'numeric(3,0)', ['-999'], ['1000', '1.0'], 'numeric(3,0)'],
  ['Decimal', 'numeric(2,4)', ['0.0099'], ['0.00001', '1'], 'numeric(2,4)'],
  ['Decimal', 'numeric', ['1'.repeat(100_000), 'Infinity'], ['1'.repeat(150_001), 'abc'], 'a numeric'],
  ['String', 'character varying(3)', ['', 'aé😀'], ['abcd', '😀😀😀😀', 'a\0'], 'at most 3 characters'],
  ['String', 'character(3)', ['a  ', '😀é '], ['a', 'abcd'], '3 characters, blanks'],
  ['String', 'text', ['', 'x'.repeat(9_999)], ['\0'], 'U+0000'],
  ['String', 'bit(3)', ['101'], ['10', '1010', '102'], 'bit(3)'],
  ['String', 'bit varying(3)', ['', '101'], ['1010'], 'bit varying(3)'],
  [
    'String',
    'uuid',
    ['5d1f1f0c-6f0d-4a43-9c9d-0a8a3f9b6c11'],
    ['5D1F1F0C-6F0D-4A43-9C9D-0A8A3F9B6C11', '5d1f1f0c'],
    'uuid',
  ],
  ['DateTime', 'date', ['0001-01-01T00:00:00.000Z'], ['2024-01-01T00:00:00.001Z', '2024-01-01'], 'a date'],
  [
    'DateTime',
    'timestamp(0) without time zone',
    ['9999-12-31T23:59:59.000Z'],
    [
      '2024-01-01T00:00:00.500Z',
      '0000-01-01T00:00:00.000Z',
      '+010000-01-01T00:00:00.000Z',
      '2024-01-01T00:00:00Z',
      '2024-01-01T01:00:00.000+01:00',
      '2023-02-29T00:00:00.000Z',
      'Invalid Date',
    ],
    'timestamp(0)',
  ],
  [
    'DateTime',
    'time(2) without time zone',
    ['1970-01-01T23:59:59.990Z', '1970-01-02T00:00:00.000Z'],
    ['1970-01-01T23:59:59.999Z', '1970-01-02T00:00:00.010Z', '2024-01-01T00:00:00.000Z'],
    'time(2)',
  ],
  ['Bytes', 'bytea', ['', 'AP8='], ['AP8', 'A-_=', 'AP8=\n', 'AP9='], 'base64'],
  ['Boolean', 'boolean', [true], ['true', 1], 'expected boolean'],
]

test.each(LIMITS)(
  'a %s of %s is read within its limits and refused beyond them',
  (type, pgType, fit, unfit, need) => {
    const column = { type: type as ColumnContract['type'], pgType }
    expect(fit.map((json) => answerTo(column, json))).toEqual(fit.map(() => 'read'))
    for (const json of unfit) {
      const answer = answerTo(column, json)
      expect({ json, answer }).toEqual({ json, answer: expect.stringContaining(need) })
    }
  },
)

test('no message shows the value that is refused', () => {
  const types = [...new Map(LIMITS.map(([type, pgType]) => [pgType, type]))]
  for (const [pgType, type] of types) {
    const column = { type: type as ColumnContract['type'], pgType }
    for (const json of [['secret'], { secret: 1 }, type === 'String' ? 'secret\0' : 'secret']) {
      expect(answerTo(column, json)).not.toMatch(/secret|read/)
    }
  }
})

test('an enum has the names of the contract, and the message lists them', () => {
  const column = { type: 'Enum', enum: 'Mood', pgType: 'mood' } as const
  expect(answerTo(column, 'GLAD')).toBe('read')
  for (const json of ['glad', 'toString', 0, null]) expect(answerTo(column, json)).toContain('"GLAD"')
})

test('null is a value of nullable columns and of JSON documents, not of others and not of lists', () => {
  const text = { type: 'String', pgType: 'text' } as const
  expect(answerTo({ ...text, nullable: true }, null)).toBe('read')
  expect(answerTo(text, null)).toContain('expected string')
  expect(answerTo({ type: 'Json', pgType: 'jsonb' }, null)).toBe('read')
  expect(answerTo({ type: 'Json', pgType: 'jsonb', list: true }, [null])).toBe('read')
  expect(answerTo({ ...text, list: true }, null)).toContain('expected array')
  const { error } = rowCodec(schemaWith({ ...text, list: true }), 'Thing').safeDecode({
    id: 1,
    v: ['a', null],
  })
  expect(error?.issues).toMatchObject([{ path: ['v', 1], code: 'invalid_type' }])
})

test('the change that the documentation shows is one', async () => {
  const json: unknown = JSON.parse(
    /```json\n(\{"model".*)\n```/.exec(await readFile('docs/handlers.md', 'utf8'))?.[1] ?? '',
  )
  const codec = changeCodec(example)
  expect(codec.decode(json)).toMatchObject({ model: 'Visit', op: 'update', tx: { xid: 741n, seq: 0 } })
  expect(codec.encode(codec.decode(json))).toEqual(json)
})

test('floats that JSON has no number for are named, zero with a sign among them', () => {
  const codec = rowCodec<unknown, unknown>(schemaWith({ type: 'Float', pgType: 'double precision' }), 'Thing')
  const values = [-0, Number.NaN, Infinity, -Infinity, 0, 5e-324, -0.1]
  const written = values.map((v) => JSON.stringify(codec.encode({ id: 1, v })))
  expect(written).toEqual(
    ['"-0"', '"NaN"', '"Infinity"', '"-Infinity"', '0', '5e-324', '-0.1'].map((v) => `{"id":1,"v":${v}}`),
  )
  expect(written.map((text) => codec.decode(JSON.parse(text)))).toStrictEqual(
    values.map((v) => ({ id: 1, v })),
  )
})

test('decimals are written with all digits of their scale, as Postgres prints them', () => {
  const texts = (pgType: string, value: unknown): unknown =>
    rowCodec(schemaWith({ type: 'Decimal', pgType }), 'Thing').encode({ id: 1, v: value })
  expect(texts('numeric(12,2)', new Decimal('-1.5'))).toEqual({ id: 1, v: '-1.50' })
  expect(texts('numeric(12,2)', new Decimal('1e3'))).toEqual({ id: 1, v: '1000.00' })
  expect(texts('numeric(12,0)', new Decimal('7'))).toEqual({ id: 1, v: '7' })
  expect(texts('numeric', new Decimal('1e-30'))).toEqual({ id: 1, v: '0.000000000000000000000000000001' })
  expect(texts('numeric(12,2)', new Decimal('NaN'))).toEqual({ id: 1, v: 'NaN' })
})

test('the sender refuses what is of another kind and what JSON would lose, and lets pass what the WAL brought', () => {
  const encoded = (column: Partial<ColumnContract>, v: unknown) =>
    rowCodec(schemaWith(column), 'Thing').safeEncode({ id: 1, v })
  for (const [type, pgType, value] of [
    ['DateTime', 'date', new Date(Number.NaN)],
    ['DateTime', 'date', '2024-01-01'],
    ['Decimal', 'numeric', 5],
    ['BigInt', 'bigint', 5],
    ['Bytes', 'bytea', 'AA=='],
    ['Int', 'integer', '5'],
    ['Json', 'jsonb', { a: [Infinity] }],
    ['Json', 'jsonb', { a: undefined }],
    ['Json', 'jsonb', [new Date(0)]],
  ] as const) {
    expect({ type, issues: encoded({ type, pgType }, value).error?.issues }).toMatchObject({
      type,
      issues: [{ path: ['v'] }],
    })
  }
  // A row from before the column was made shorter.
  expect(encoded({ type: 'String', pgType: 'character varying(3)' }, 'abcd')).toMatchObject({ success: true })
})

test('a document of thousands of levels is passed on as it is', () => {
  const text = `${'['.repeat(5_000)}${']'.repeat(5_000)}`
  const codec = rowCodec<unknown, unknown>(schemaWith({ type: 'Json', pgType: 'jsonb' }), 'Thing')
  const row = { id: 1, v: JSON.parse(text) as unknown }
  expect(codec.decode(codec.encode(row))).toMatchObject({ id: 1 })
})

test('fields may be named like what every object has; they are there only if they are their own', () => {
  const schema = schemaWith(
    ...['constructor', '__proto__', 'toString'].map(
      (field) => ({ field, column: field, type: 'String', pgType: 'text' }) as const,
    ),
  )
  const tx = { xid: '1', lsn: '0/1', commitTime: '2024-01-01T00:00:00.000Z', seq: 0 }
  const codec = changeCodec<{ after: object }, unknown>(schema, 'Thing')
  const part = JSON.parse('{"id":1,"__proto__":"p"}') as unknown
  const update = { model: 'Thing', op: 'update', key: { id: 1 }, after: part, tx }
  const { after } = codec.decode(update)
  expect(Object.entries(after)).toEqual([
    ['id', 1],
    ['__proto__', 'p'],
  ])
  expect(Object.getPrototypeOf(after)).toBe(Object.prototype)
  expect(JSON.stringify(codec.encode(codec.decode(update)))).toBe(JSON.stringify(update))
  const { error } = rowCodec(schema, 'Thing').safeDecode({ id: 1 })
  expect(error?.issues.map(({ path }) => path)).toEqual([['constructor'], ['__proto__'], ['toString']])
})

test('a change whose key is not that of its row is refused', () => {
  const tx = { xid: '1', lsn: '16/B374D848', commitTime: '2024-01-01T00:00:00.000Z', seq: 0 }
  const codec = changeCodec(schemaWith(), 'Thing')
  const change = { model: 'Thing', op: 'delete', key: { id: 1 }, before: { id: 1 }, tx }
  expect(codec.safeDecode(change)).toMatchObject({
    success: true,
    data: { tx: { xid: 1n, lsn: 0x16_b374_d848n, commitTime: new Date('2024-01-01') } },
  })
  for (const other of [
    { ...change, before: { id: 2 } },
    { ...change, op: 'insert', before: undefined, after: { id: 2 } },
  ]) {
    const { before, ...rest } = other
    const sent = before === undefined ? rest : other
    expect(codec.safeDecode(sent).error?.issues).toMatchObject([{ path: ['key', 'id'] }])
  }
})

test('every fault is told at once, with its path, also inside another schema', () => {
  const message = z.object({ event: changeCodec(schemaWith()), trace: z.string() })
  const { error } = message.safeDecode({
    event: { model: 'Thing', op: 'read', key: {}, after: { id: 'x', more: 1 }, tx: {} },
    trace: 't',
  })
  expect(error?.issues.map(({ path, code }) => `${path.join('.')} ${code}`)).toEqual([
    'event.key.id custom',
    'event.after.id invalid_type',
    'event.after unrecognized_keys',
    ...['xid', 'lsn', 'commitTime', 'seq'].map((name) => `event.tx.${name} custom`),
  ])
})

test('a field that throws when it is read throws through the codec', () => {
  const row = {
    id: 1,
    get v(): never {
      throw new RangeError('unshowable')
    },
  }
  expect(() => rowCodec(schemaWith({ type: 'String', pgType: 'text' }), 'Thing').encode(row)).toThrow(
    'unshowable',
  )
})

test('a key is an object with each of its fields', () => {
  const codec = keyCodec<unknown, unknown>(schemaWith(), 'Thing')
  expect(codec.decode({ id: 1 })).toEqual({ id: 1 })
  expect(codec.safeDecode(1).success).toBe(false)
  expect(codec.safeDecode({ id: 1, v: 1 }).success).toBe(false)
})

test('a model that the schema does not have is refused', () => {
  for (const make of [rowCodec, keyCodec, changeCodec]) {
    expect(() => make(schemaWith(), 'Nobody')).toThrow('the contract has no model "Nobody"')
  }
})
