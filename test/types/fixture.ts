import { Decimal } from '@prisma/client/runtime/client'
import { defineSchema } from '../../src/contract/define-schema.ts'
import { defineTable } from '../../src/contract/define-table.ts'
import { sealContract } from '../../src/contract/hash-contract.ts'
import type { ColumnContract, ScalarType } from '../../src/contract/schema-contract.ts'

/** The running example and one table with every type, as the generator would write them. */

type JsonValue = string | number | boolean | null | { [key: string]: JsonValue } | JsonValue[]

export type Role = 'ADMIN' | 'USER'
export type Mood = 'GOOD' | 'BAD'

export interface UserRow {
  id: number
  userName: string
  email: string
  dateOfBirth: Date | null
  interests: string[]
  role: Role
  active: boolean
}

export interface RestaurantRow {
  id: string
  name: string
  rating: number | null
  tags: string[]
}

export interface VisitRow {
  userId: number
  restaurantId: string
  amountSpent: Decimal
  visitRating: number | null
}

export interface SampleRow {
  small: number
  int: number | null
  oid: number
  big: bigint
  bigNullable: bigint | null
  real: number
  double: number
  decimal: Decimal
  wide: Decimal
  unbound: Decimal
  money: Decimal
  boolean: boolean
  text: string
  varchar: string
  char: string
  uuid: string
  citext: string
  inet: string
  bit: string
  varbit: string
  xml: string
  json: JsonValue
  jsonb: JsonValue
  bytes: Uint8Array
  date: Date
  timestamp: Date
  seconds: Date
  timestamptz: Date
  time: Date
  timetz: Date
  mood: Mood
  list: string[]
  'sel"ect ✓': number
}

type Fields<Row> = readonly (keyof Row & string)[]

function column(
  field: string,
  type: ScalarType,
  pgType: string,
  more: Partial<ColumnContract> = {},
): ColumnContract {
  const name = field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return { field, column: name, type, pgType, list: false, nullable: false, ...more }
}

const nullable = { nullable: true } as const
const VARCHAR = 'character varying(255)'

const sampleKey: Fields<SampleRow> = ['small', 'sel"ect ✓']

/** The contract of the fixture. */
export const contract = sealContract({
  version: 1,
  enums: [
    {
      name: 'Role',
      schema: 'public',
      pgName: 'Role',
      values: [
        { name: 'ADMIN', label: "ad'min \\" },
        { name: 'USER', label: 'user' },
      ],
    },
    {
      name: 'Mood',
      schema: 'public',
      pgName: 'mood type',
      values: [
        { name: 'GOOD', label: 'good' },
        { name: 'BAD', label: 'bad' },
      ],
    },
  ],
  models: [
    {
      model: 'User',
      schema: 'public',
      table: 'users',
      key: ['id'],
      keyIsPrimary: true,
      relations: [],
      columns: [
        column('id', 'Int', 'integer'),
        column('userName', 'String', VARCHAR),
        column('email', 'String', VARCHAR),
        column('dateOfBirth', 'DateTime', 'date', nullable),
        column('interests', 'String', 'text', { list: true }),
        column('role', 'Enum', '"Role"', { enum: 'Role' }),
        column('active', 'Boolean', 'boolean'),
      ],
    },
    {
      model: 'Restaurant',
      schema: 'public',
      table: 'restaurant',
      key: ['id'],
      keyIsPrimary: true,
      relations: [],
      columns: [
        column('id', 'String', VARCHAR),
        column('name', 'String', VARCHAR),
        column('rating', 'Int', 'integer', nullable),
        column('tags', 'String', 'text', { list: true }),
      ],
    },
    {
      model: 'Visit',
      schema: 'public',
      table: 'visit',
      key: ['userId', 'restaurantId'],
      keyIsPrimary: true,
      relations: [],
      columns: [
        column('userId', 'Int', 'integer'),
        column('restaurantId', 'String', VARCHAR),
        column('amountSpent', 'Decimal', 'numeric(10,2)'),
        column('visitRating', 'Int', 'integer', nullable),
      ],
    },
    {
      model: 'Sample',
      schema: 'Order "x"',
      table: 'group "by" ✓',
      key: sampleKey,
      keyIsPrimary: false,
      relations: [],
      columns: [
        column('small', 'Int', 'smallint'),
        column('int', 'Int', 'integer', nullable),
        column('oid', 'Int', 'oid'),
        column('big', 'BigInt', 'bigint'),
        column('bigNullable', 'BigInt', 'bigint', nullable),
        column('real', 'Float', 'real'),
        column('double', 'Float', 'double precision'),
        column('decimal', 'Decimal', 'numeric(6,2)'),
        column('wide', 'Decimal', 'numeric(65,30)'),
        column('unbound', 'Decimal', 'numeric'),
        column('money', 'Decimal', 'money'),
        column('boolean', 'Boolean', 'boolean'),
        column('text', 'String', 'text'),
        column('varchar', 'String', 'character varying(5)'),
        column('char', 'String', 'character(5)'),
        column('uuid', 'String', 'uuid'),
        column('citext', 'String', 'citext'),
        column('inet', 'String', 'inet'),
        column('bit', 'String', 'bit(3)'),
        column('varbit', 'String', 'bit varying(3)'),
        column('xml', 'String', 'xml'),
        column('json', 'Json', 'json'),
        column('jsonb', 'Json', 'jsonb'),
        column('bytes', 'Bytes', 'bytea'),
        column('date', 'DateTime', 'date'),
        column('timestamp', 'DateTime', 'timestamp(3) without time zone'),
        column('seconds', 'DateTime', 'timestamp(0) without time zone'),
        column('timestamptz', 'DateTime', 'timestamp(6) with time zone'),
        column('time', 'DateTime', 'time(6) without time zone'),
        column('timetz', 'DateTime', 'time(6) with time zone'),
        column('mood', 'Enum', '"mood type"', { enum: 'Mood' }),
        column('list', 'String', 'text', { list: true }),
        column('sel"ect ✓', 'Int', 'integer', { column: 'sel"ect ✓' }),
      ],
    },
  ],
})

export const schema = defineSchema({ contract, Decimal })
export const User = defineTable<'User', UserRow, 'id'>(schema, 'User')
export const Restaurant = defineTable<'Restaurant', RestaurantRow, 'id'>(schema, 'Restaurant')
export const Visit = defineTable<'Visit', VisitRow, 'userId' | 'restaurantId'>(schema, 'Visit')
export const Sample = defineTable<'Sample', SampleRow, 'small' | 'sel"ect ✓'>(schema, 'Sample')

/** Creates the fixture's tables; without the citext column, whose extension a server may lack. */
export const DDL = `
  CREATE TYPE "Role" AS ENUM ('ad''min \\', 'user');
  CREATE TYPE "mood type" AS ENUM ('good', 'bad');
  CREATE TABLE users (id int PRIMARY KEY, user_name varchar(255) NOT NULL, email varchar(255) NOT NULL,
    date_of_birth date, interests text[], role "Role" NOT NULL, active boolean NOT NULL);
  CREATE TABLE restaurant (id varchar(255) PRIMARY KEY, name varchar(255) NOT NULL, rating int, tags text[]);
  CREATE TABLE visit (user_id int, restaurant_id varchar(255), amount_spent numeric(10,2) NOT NULL,
    visit_rating int, PRIMARY KEY (user_id, restaurant_id));
  CREATE SCHEMA "Order ""x""";
  CREATE TABLE "Order ""x"""."group ""by"" ✓" (
    ${contract.models[3]?.columns
      .filter(({ field }) => field !== 'citext')
      .map(({ column: name, pgType, list }) => `"${name.replaceAll('"', '""')}" ${pgType}${list ? '[]' : ''}`)
      .join(',\n    ')}
  );`
