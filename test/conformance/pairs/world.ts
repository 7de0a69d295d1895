import { Decimal } from '@prisma/client/runtime/client'
import { defineSchema } from '../../../src/contract/define-schema.ts'
import { defineTable } from '../../../src/contract/define-table.ts'
import { sealContract } from '../../../src/contract/hash-contract.ts'
import type { ColumnContract, ModelContract, ScalarType } from '../../../src/contract/schema-contract.ts'

/**
 * Five tables that are shaped for transitions: a tree, 1:N, a junction, composite keys, references with and without a
 * foreign key, cascades, and a nullable column of each type with few distinct values.
 */

function column(
  field: string,
  type: ScalarType,
  pgType: string,
  more: Partial<ColumnContract> = {},
): ColumnContract {
  return { field, column: field.toLowerCase(), type, pgType, list: false, nullable: true, ...more }
}

function model(name: string, key: readonly string[], columns: readonly ColumnContract[]): ModelContract {
  return {
    model: name,
    schema: 'public',
    table: name.toLowerCase(),
    key,
    keyIsPrimary: true,
    relations: [],
    columns: columns.map((item) => (key.includes(item.field) ? { ...item, nullable: false } : item)),
  }
}

const contract = sealContract({
  version: 1,
  enums: [
    {
      name: 'Mood',
      schema: 'public',
      pgName: 'mood',
      values: [
        { name: 'GLAD', label: 'glad' },
        { name: 'SAD', label: 'sad one' },
      ],
    },
  ],
  models: [
    model(
      'Team',
      ['id'],
      [
        column('id', 'Int', 'integer'),
        column('parentId', 'Int', 'integer'),
        column('city', 'String', 'character varying(20)'),
        column('size', 'Int', 'smallint'),
      ],
    ),
    model(
      'Person',
      ['id'],
      [
        column('id', 'Int', 'integer'),
        column('teamId', 'Int', 'integer'),
        column('bossId', 'Int', 'integer'),
        column('name', 'String', 'text'),
        column('score', 'Int', 'integer'),
        column('big', 'BigInt', 'bigint'),
        column('price', 'Decimal', 'numeric(8,2)'),
        column('ratio', 'Float', 'double precision'),
        column('active', 'Boolean', 'boolean'),
        column('born', 'DateTime', 'date'),
        column('seen', 'DateTime', 'timestamp(3) without time zone'),
        column('mood', 'Enum', 'mood', { enum: 'Mood' }),
        column('token', 'String', 'uuid'),
        column('tags', 'Int', 'integer', { list: true, nullable: false }),
        column('rank', 'Int', 'integer', { nullable: false }),
      ],
    ),
    model(
      'Badge',
      ['code'],
      [
        column('code', 'String', 'text'),
        column('label', 'String', 'character varying(20)'),
        column('level', 'Int', 'smallint'),
        column('fee', 'Decimal', 'numeric(6,3)'),
      ],
    ),
    model(
      'Award',
      ['personId', 'badgeCode'],
      [
        column('personId', 'Int', 'integer'),
        column('badgeCode', 'String', 'text'),
        column('weight', 'Int', 'integer'),
        column('at', 'DateTime', 'timestamp(6) with time zone'),
      ],
    ),
    model(
      'Entry',
      ['line', 'pos'],
      [
        column('line', 'Int', 'smallint'),
        column('pos', 'BigInt', 'bigint'),
        column('personId', 'Int', 'integer'),
        column('amount', 'Decimal', 'numeric(8,2)'),
        column('note', 'String', 'text'),
        column('flag', 'Boolean', 'boolean'),
        column('ref', 'BigInt', 'bigint'),
      ],
    ),
  ],
})

export const DDL = `
  CREATE TYPE mood AS ENUM ('glad', 'sad one');
  CREATE TABLE team (id int PRIMARY KEY, parentid int REFERENCES team ON UPDATE CASCADE ON DELETE SET NULL,
    city varchar(20), size int2);
  CREATE TABLE person (id int PRIMARY KEY, teamid int REFERENCES team ON UPDATE CASCADE ON DELETE CASCADE, bossid int,
    name text, score int, big int8, price numeric(8,2), ratio float8, active boolean, born date, seen timestamp(3),
    mood mood, token uuid, tags int[], rank int NOT NULL);
  CREATE TABLE badge (code text PRIMARY KEY, label varchar(20), level int2, fee numeric(6,3));
  CREATE TABLE award (personid int REFERENCES person ON UPDATE CASCADE ON DELETE CASCADE,
    badgecode text REFERENCES badge ON UPDATE CASCADE ON DELETE CASCADE, weight int, at timestamptz(6),
    PRIMARY KEY (personid, badgecode));
  CREATE TABLE entry (line int2, pos int8, personid int, amount numeric(8,2), note text, flag boolean, ref int8,
    PRIMARY KEY (line, pos));`

export const schema = defineSchema({ contract, Decimal })
export const decimal = (text: string): Decimal => new Decimal(text)

/** The table handles by model name. */
export const TABLES: ReadonlyMap<string, unknown> = new Map(
  contract.models.map((item) => [item.model, defineTable(schema, item.model)]),
)

export const models: readonly ModelContract[] = contract.models

/** The values that columns are given, as SQL, by `model.field`; NULL where the column may be. */
export const DOMAINS: Readonly<Record<string, readonly string[]>> = {
  'Team.id': ['1', '2', '3', '4', '5'],
  'Team.parentId': ['NULL', '1', '2', '3', '4'],
  'Team.city': ['NULL', "''", "'Bonn'", "'Kiel'", "'bonn'"],
  'Team.size': ['NULL', '0', '1', '2'],
  'Person.id': ['1', '2', '3', '4', '5', '6', '7', '8', '9'],
  'Person.teamId': ['NULL', '1', '2', '3', '4', '5'],
  'Person.bossId': ['NULL', '1', '2', '3', '7', '99'],
  'Person.name': ['NULL', "''", "'ann'", "'Bob'", "'bob'", "'zoë'", "'a_b%'"],
  'Person.score': ['NULL', '-1', '0', '1', '2', '3', '2147483647'],
  'Person.big': ['NULL', '0', '1', '9007199254740993', '-9007199254740993'],
  'Person.price': ['NULL', '0.00', '1.50', '2.00', '-0.01', '999999.99'],
  'Person.ratio': ['NULL', '0', '0.5', '-1.25', "'NaN'", "'Infinity'"],
  'Person.active': ['NULL', 'true', 'false'],
  'Person.born': ['NULL', "'2024-02-29'", "'2024-03-01'", "'1999-12-31'"],
  'Person.seen': ['NULL', "'2024-02-29 23:59:59.999'", "'2024-03-01'", "'1969-12-31 23:59:59'"],
  'Person.mood': ['NULL', "'glad'", "'sad one'"],
  'Person.token': [
    'NULL',
    "'00000000-0000-0000-0000-00000000000a'",
    "'f0000000-0000-0000-0000-000000000000'",
  ],
  'Person.tags': ['NULL', "'{}'", "'{1}'", "'{1,2}'", "'{2,1,2}'"],
  'Person.rank': ['0', '1', '2', '3'],
  'Badge.code': ["'a'", "'b'", "'c'", "'D'"],
  'Badge.label': ['NULL', "''", "'Gold'", "'gold'"],
  'Badge.level': ['NULL', '0', '1', '2'],
  'Badge.fee': ['NULL', '0.000', '1.500', '-2.125'],
  'Award.personId': ['1', '2', '3', '4', '5', '6', '7', '8', '9'],
  'Award.badgeCode': ["'a'", "'b'", "'c'", "'D'"],
  'Award.weight': ['NULL', '0', '1', '2', '3'],
  'Award.at': ['NULL', "'2024-01-01 00:00:00+00'", "'2024-01-01 02:00:00.001+02'"],
  'Entry.line': ['1', '2'],
  'Entry.pos': ['1', '2', '3', '9007199254740993'],
  'Entry.personId': ['NULL', '1', '2', '3', '4', '99'],
  'Entry.amount': ['NULL', '0.00', '1.50', '2.00', '-3.25'],
  'Entry.note': ['NULL', "''", "'Bonn'", "'ann'", "'b'"],
  'Entry.flag': ['NULL', 'true', 'false'],
  'Entry.ref': ['NULL', '1', '2', '9007199254740993'],
}
