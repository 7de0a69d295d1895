import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { defineSchema } from '../../src/contract/define-schema.ts'
import { defineTable } from '../../src/contract/define-table.ts'
import { sealContract } from '../../src/contract/hash-contract.ts'
import type { ScalarType } from '../../src/contract/schema-contract.ts'
import { defineView } from '../../src/views/define-view.ts'
import { asc, desc } from '../../src/views/build/order.ts'
import { arrayAgg } from '../../src/views/build/ordered-aggregates.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { testDatabase } from '../support/database.ts'
import { Mirror, type TextRow } from './mirror.ts'

/** Every type that ORDER BY may use, and an expression that makes a value of it of the row number `i`. */
const TYPES = [
  // What the sum of counts is.
  ['whole', 'Int', 'numeric', 'hashint4(i) % 100000'],
  ['small', 'Int', 'smallint', '(hashint4(i) % 32768)::int2'],
  ['int', 'Int', 'integer', 'hashint4(i)'],
  ['big', 'BigInt', 'bigint', 'hashint8extended(i, 7)'],
  ['oid', 'Int', 'oid', '(hashint8extended(i, 7) & 4294967295)::oid'],
  ['scaled', 'Decimal', 'numeric(8,3)', `CASE i % 40 WHEN 0 THEN 'NaN' ELSE hashint4(i) % 100000 / 7.0 END`],
  ['wide', 'Decimal', 'numeric(30,10)', 'hashint8extended(i, 7) / 7.0'],
  [
    'free',
    'Decimal',
    'numeric',
    `CASE i % 40 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN 1.50 WHEN 4 THEN 1.5
      ELSE hashint4(i) / 10.0 ^ (i % 30) END`,
  ],
  [
    'real',
    'Float',
    'real',
    `CASE i % 40 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' WHEN 2 THEN -0.0::real ELSE hashint4(i) / 3.0 END`,
  ],
  [
    'double',
    'Float',
    'double precision',
    `CASE i % 40 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' WHEN 2 THEN 0 ELSE hashint4(i) / 3.0 END`,
  ],
  ['text', 'String', 'text', `translate(md5(i::text), '0123', 'éZ 日')`],
  ['varchar', 'String', 'character varying(20)', `left(translate(md5(i::text), '0123', 'éZ 😀'), i % 5)`],
  ['uuid', 'String', 'uuid', 'md5(i::text)::uuid'],
  ['boolean', 'Boolean', 'boolean', 'i % 3 = 0'],
  ['bytes', 'Bytes', 'bytea', `substr(sha256(i::text::bytea), 1, i % 4)`],
  [
    'date',
    'DateTime',
    'date',
    `CASE i % 40 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '0044-03-15 BC' ELSE '2000-01-01'::date + hashint4(i) % 900000 END`,
  ],
  [
    'timestamp',
    'DateTime',
    'timestamp(6) without time zone',
    `CASE i % 40 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE '2000-01-01'::timestamp + hashint4(i) * interval '0.123457 s' END`,
  ],
  [
    'timestamptz',
    'DateTime',
    'timestamp(6) with time zone',
    `CASE i % 40 WHEN 0 THEN 'infinity' WHEN 1 THEN '4000-01-01 BC' ELSE '2000-01-01Z'::timestamptz + hashint4(i) * interval '1.7 s' END`,
  ],
  ['time', 'DateTime', 'time(6) without time zone', `'00:00'::time + abs(hashint4(i)) * interval '0.1 ms'`],
] as const satisfies readonly (readonly [name: string, scalar: ScalarType, pgType: string, value: string])[]

const schema = defineSchema({
  contract: sealContract({
    version: 1,
    enums: [],
    models: [
      {
        model: 'Item',
        schema: 'public',
        table: 'item',
        key: ['id'],
        keyIsPrimary: true,
        relations: [],
        columns: [
          { field: 'id', column: 'id', type: 'Int', pgType: 'integer', list: false, nullable: false },
          ...TYPES.map(([name, type, pgType]) => ({
            field: name,
            column: name,
            type,
            pgType,
            list: false,
            nullable: true,
          })),
        ],
      },
    ],
  }),
  Decimal,
})
const Item = defineTable<
  'Item',
  { readonly id: number } & Readonly<Record<(typeof TYPES)[number][0], unknown>>,
  'id'
>(schema, 'Item')

const view = defineView('orders', (q) =>
  q.from({ t: Item }).select(({ t }) =>
    Object.fromEntries(
      TYPES.flatMap(([name]) => [
        [`${name}_asc`, arrayAgg(t.id).orderBy(asc(t[name]), asc(t.id))],
        [`${name}_desc`, arrayAgg(t.id).orderBy(desc(t[name], { nulls: 'last' }), desc(t.id))],
      ]),
    ),
  ),
)

/** Rows in the order of each type, up and down. */
const ordered = TYPES.flatMap(([name]) => [
  defineView(`rows_by_${name}`, (q) =>
    q
      .from({ t: Item })
      .select(({ t }) => ({ id: t.id }))
      .orderBy(({ t }) => [asc(t[name]), asc(t.id)]),
  ),
  defineView(`rows_by_${name}_down`, (q) =>
    q
      .from({ t: Item })
      .select(({ t }) => ({ id: t.id }))
      .orderBy(({ t }) => [desc(t[name], { nulls: 'last' }), desc(t.id)]),
  ),
])

test('values of every sortable type stand in the order of the server, the odd ones and NULL too', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(TEXT_SETTINGS)
  // A collation of its own: the order must not be that of the column.
  const columns = TYPES.map(([name, , pgType]) =>
    name === 'text' ? `"${name}" text COLLATE "und-x-icu"` : `"${name}" ${pgType}`,
  )
  await client.query(`CREATE TABLE item (id int PRIMARY KEY, ${columns.join(', ')})`)
  const values = TYPES.map(
    ([, , , value], at) => `CASE WHEN (i + ${at}) % 11 = 0 THEN NULL ELSE ${value} END`,
  )
  await client.query(`INSERT INTO item SELECT i, ${values.join(', ')} FROM generate_series(1, 300) i`)
  const { rows } = await client.query<TextRow>({
    text: 'SELECT * FROM item ORDER BY hashint4(id)',
    types: { getTypeParser: () => (text: string) => text },
  })
  expect(rows).toHaveLength(300)
  const mirror = new Mirror(schema, [view.ir, ...ordered.map(({ ir }) => ir)])
  for (const row of rows) mirror.change('Item', null, row)
  const state = mirror.replica.views.get('orders')
  expect((await compareView(view, state?.rows() ?? [], client)).map(formatDifference)).toEqual([])
  for (const { name, sql } of ordered) {
    const answer = await client.query<{ id: number }>(sql)
    const shown = [...(mirror.replica.views.get(name)?.rows() ?? [])]
    expect([name, ...shown.map((row) => row['id'])]).toEqual([name, ...answer.rows.map(({ id }) => id)])
  }
})
