import { Decimal } from '@prisma/client/runtime/client'
import { defineSchema } from '../../src/contract/define-schema.ts'
import { defineTable } from '../../src/contract/define-table.ts'
import { sealContract } from '../../src/contract/hash-contract.ts'
import type { ColumnContract, ScalarType } from '../../src/contract/schema-contract.ts'

/** Three tables in a chain, Region 1:N Shop 1:N Sale, with nullable join columns and a column of each kind. */

function column(
  field: string,
  type: ScalarType,
  pgType: string,
  more: Partial<ColumnContract> = {},
): ColumnContract {
  return { field, column: field.toLowerCase(), type, pgType, list: false, nullable: true, ...more }
}

const REQUIRED = { nullable: false } as const

export const contract = sealContract({
  version: 1,
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
    {
      model: 'Region',
      schema: 'public',
      table: 'region',
      key: ['id'],
      keyIsPrimary: true,
      relations: [],
      columns: [column('id', 'Int', 'integer', REQUIRED), column('title', 'String', 'text', REQUIRED)],
    },
    {
      model: 'Shop',
      schema: 'public',
      table: 'shop',
      key: ['id'],
      keyIsPrimary: true,
      relations: [],
      columns: [
        column('id', 'String', 'text', REQUIRED),
        column('name', 'String', 'text', REQUIRED),
        column('city', 'String', 'text'),
        column('regionId', 'Int', 'integer'),
        column('tags', 'String', 'text', { nullable: false, list: true }),
      ],
    },
    {
      model: 'Sale',
      schema: 'public',
      table: 'sale',
      key: ['line', 'id'],
      keyIsPrimary: true,
      relations: [],
      columns: [
        column('id', 'BigInt', 'bigint', REQUIRED),
        column('line', 'Int', 'smallint', REQUIRED),
        column('shopId', 'String', 'text'),
        column('qty', 'Int', 'integer'),
        column('big', 'BigInt', 'bigint'),
        column('amount', 'Decimal', 'numeric(10,2)'),
        column('wide', 'Decimal', 'numeric(40,10)'),
        column('free', 'Decimal', 'numeric'),
        column('dbl', 'Float', 'double precision'),
        column('at', 'DateTime', 'timestamp(6) with time zone'),
        column('day', 'DateTime', 'date'),
        column('clock', 'DateTime', 'time(6) without time zone'),
        column('note', 'String', 'text'),
        column('flag', 'Boolean', 'boolean'),
        column('mood', 'Enum', 'mood', { enum: 'Mood' }),
        column('doc', 'Json', 'jsonb'),
        column('raw', 'Bytes', 'bytea'),
      ],
    },
  ],
})

export interface RegionRow {
  id: number
  title: string
}

export interface ShopRow {
  id: string
  name: string
  city: string | null
  regionId: number | null
  tags: string[]
}

export interface SaleRow {
  id: bigint
  line: number
  shopId: string | null
  qty: number | null
  big: bigint | null
  amount: Decimal | null
  wide: Decimal | null
  free: Decimal | null
  dbl: number | null
  at: Date | null
  day: Date | null
  clock: Date | null
  note: string | null
  flag: boolean | null
  mood: 'GOOD' | 'BAD' | null
  doc: unknown
  raw: Uint8Array | null
}

export const schema = defineSchema({ contract, Decimal })
export const Region = defineTable<'Region', RegionRow, 'id'>(schema, 'Region')
export const Shop = defineTable<'Shop', ShopRow, 'id'>(schema, 'Shop')
export const Sale = defineTable<'Sale', SaleRow, 'line' | 'id'>(schema, 'Sale')

/** The fixture's tables. */
export const DDL = `
  CREATE TYPE mood AS ENUM ('good mood', 'bäd');
  CREATE TABLE region (id int PRIMARY KEY, title text NOT NULL);
  CREATE TABLE shop (id text PRIMARY KEY, name text NOT NULL, city text, regionid int, tags text[]);
  CREATE TABLE sale (id int8, line int2, shopid text, qty int, big int8, amount numeric(10,2), wide numeric(40,10),
    free numeric, dbl float8, at timestamptz, day date, clock time, note text, flag boolean, mood mood, doc jsonb,
    raw bytea, PRIMARY KEY (line, id));`
