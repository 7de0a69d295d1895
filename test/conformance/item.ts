import { Decimal } from '@prisma/client/runtime/client'
import { defineSchema } from '../../src/contract/define-schema.ts'
import { defineTable } from '../../src/contract/define-table.ts'
import { sealContract } from '../../src/contract/hash-contract.ts'
import type { ColumnContract, ScalarType } from '../../src/contract/schema-contract.ts'

/** One table with a nullable column of each type that functions take. */

function column(
  field: string,
  type: ScalarType,
  pgType: string,
  more: Partial<ColumnContract> = {},
): ColumnContract {
  return { field, column: field, type, pgType, list: false, nullable: true, ...more }
}

const contract = sealContract({
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
      model: 'Item',
      schema: 'public',
      table: 'item',
      key: ['id'],
      keyIsPrimary: true,
      relations: [],
      columns: [
        column('id', 'Int', 'integer', { nullable: false }),
        column('small', 'Int', 'smallint'),
        column('int', 'Int', 'integer'),
        column('big', 'BigInt', 'bigint'),
        column('amount', 'Decimal', 'numeric(10,2)'),
        column('wide', 'Decimal', 'numeric(30,8)'),
        column('free', 'Decimal', 'numeric'),
        column('real', 'Float', 'real'),
        column('dbl', 'Float', 'double precision'),
        column('text', 'String', 'text'),
        column('name', 'String', 'character varying(20)'),
        column('uid', 'String', 'uuid'),
        column('flag', 'Boolean', 'boolean'),
        column('mood', 'Enum', 'mood', { enum: 'Mood' }),
        column('day', 'DateTime', 'date'),
        column('at', 'DateTime', 'timestamp(3) without time zone'),
        column('zoned', 'DateTime', 'timestamp(6) with time zone'),
        column('clock', 'DateTime', 'time(6) without time zone'),
        column('numbers', 'Int', 'integer', { list: true, nullable: false }),
        column('words', 'String', 'text', { list: true, nullable: false }),
      ],
    },
  ],
})

interface ItemRow {
  id: number
  small: number | null
  int: number | null
  big: bigint | null
  amount: Decimal | null
  wide: Decimal | null
  free: Decimal | null
  real: number | null
  dbl: number | null
  text: string | null
  name: string | null
  uid: string | null
  flag: boolean | null
  mood: 'GOOD' | 'BAD' | null
  day: Date | null
  at: Date | null
  zoned: Date | null
  clock: Date | null
  numbers: number[]
  words: string[]
}

export const schema = defineSchema({ contract, Decimal })
export const Item = defineTable<'Item', ItemRow, 'id'>(schema, 'Item')
export const COLUMNS = contract.models[0]?.columns.map(({ column: name }) => name) ?? []

export const DDL = `
  CREATE TYPE mood AS ENUM ('good mood', 'bäd');
  CREATE TABLE item (id int PRIMARY KEY, small int2, int int, big int8, amount numeric(10,2), wide numeric(30,8),
    free numeric, real float4, dbl float8, text text, name varchar(20), uid uuid, flag boolean, mood mood, day date,
    at timestamp(3), zoned timestamptz, clock time, numbers int[], words text[])`

/** Values of each column, as texts; the key is given by whoever inserts. */
export const VALUES: Readonly<Record<string, readonly string[]>> = {
  small: ['0', '1', '-7', '150', '12'],
  int: ['0', '1', '-1', '5', '7', '100', '-2000000000', '3'],
  big: ['0', '1', '-3', '9007199254740993', '4611686018427387904', '-4611686018427387904'],
  amount: ['0.00', '1.50', '-12.34', '99999999.99', '-0.05', '2.50', '7.00'],
  wide: ['0', '1.5', '123456789012345678.87654321', '-0.00000001', '3', '1.50000000'],
  free: [
    '0',
    '1.0',
    '1.00',
    '1.5',
    '-2.5',
    '0.333',
    '0.00000000000000000001',
    '123456789012345678901234567890.5',
    'NaN',
  ],
  real: ['0', '0.1', '1.5', '-2.25', '16777216', '3'],
  dbl: ['0', '0.1', '1.5', '2.5', '-2.25', '1e15', '-0.5', '3'],
  text: ['', 'a', 'Ab', ' b ', 'é', 'ÉcOlE', 'a%b', '日本😀', '12', 'a_b', 'xyzzy'],
  name: ['', 'a', 'Ab', 'b', 'zz', '日本', 'x'],
  uid: ['00000000-0000-0000-0000-000000000001', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  flag: ['t', 'f'],
  mood: ['good mood', 'bäd'],
  day: ['2024-02-29', '1999-12-31', '2021-01-03', '1970-01-01', '0099-07-04'],
  at: ['2024-02-29 23:59:59.999', '1969-12-31 23:59:59.5', '2021-01-03 00:00:00', '0099-07-04 12:30:00'],
  zoned: [
    '2024-02-29 23:59:59.999999+00',
    '1969-12-31 23:59:59.5+00',
    '2021-01-03 01:00:00+05',
    '1900-06-15 12:00:00+00',
  ],
  clock: ['00:00:00', '23:59:59.999999', '12:34:56.789'],
  numbers: ['{}', '{1,2,3}', '{5}', '{NULL,1}', '{{1,2},{3,7}}'],
  words: ['{}', '{a,b}', '{"a b",NULL,Ab}', '{é}'],
}
