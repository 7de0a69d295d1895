import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Decimal } from '@prisma/client/runtime/client'
import {
  defineSchema,
  sealContract,
  type ColumnContract,
  type ModelContract,
  type Schema,
} from 'prisma-dbsync'

const RICH = resolve(import.meta.dirname, '../generator/fixtures/rich/contract.json')

/** The schema with everything that the generator reads: keys of several columns, lists, enums, a table that refers to itself. */
export function richSchema(): Schema {
  return defineSchema({ contract: JSON.parse(readFileSync(RICH, 'utf8')), Decimal })
}

const column = (
  field: string,
  type: ColumnContract['type'],
  pgType: string,
  more: Partial<ColumnContract> = {},
): ColumnContract => ({
  field,
  column: field.toLowerCase(),
  type,
  pgType,
  list: false,
  nullable: false,
  ...more,
})

const model = (
  name: string,
  parts: Partial<ModelContract> & Pick<ModelContract, 'columns'>,
): ModelContract => ({
  model: name,
  schema: 'public',
  table: name.toLowerCase(),
  key: ['id'],
  keyIsPrimary: true,
  relations: [],
  ...parts,
})

const int = (field: string, nullable = false): ColumnContract => column(field, 'Int', 'integer', { nullable })

/**
 * Tables whose references are hard to satisfy: rows that refer to themselves, two tables that refer to each other, one that shares a
 * column between two foreign keys, unique indexes in which Postgres takes different texts for equal.
 */
export const knots: Schema = defineSchema({
  Decimal,
  contract: sealContract({
    version: 1,
    enums: [],
    models: [
      model('Shelf', {
        columns: [int('id'), int('roomId'), int('boxId'), column('label', 'String', 'text')],
        relations: [
          { field: 'box', model: 'Box', fields: ['roomId', 'boxId'], references: ['roomId', 'id'] },
          { field: 'room', model: 'Room', fields: ['roomId'], references: ['id'] },
        ],
      }),
      model('Box', {
        columns: [int('roomId'), int('id'), int('within', true)],
        key: ['roomId', 'id'],
        relations: [
          { field: 'room', model: 'Room', fields: ['roomId'], references: ['id'] },
          { field: 'outer', model: 'Box', fields: ['roomId', 'within'], references: ['roomId', 'id'] },
        ],
      }),
      model('Room', {
        columns: [int('id'), int('roomId', true), int('ownerId', true)],
        relations: [{ field: 'owner', model: 'Owner', fields: ['ownerId'], references: ['id'] }],
      }),
      model('Owner', {
        columns: [int('id'), int('roomId'), int('bossId')],
        relations: [
          { field: 'room', model: 'Room', fields: ['roomId'], references: ['id'] },
          { field: 'boss', model: 'Owner', fields: ['bossId'], references: ['id'] },
        ],
      }),
      model('Equal', {
        columns: [
          column('id', 'String', 'citext'),
          column('padded', 'String', 'character(3)', { nullable: true }),
          column('amount', 'Decimal', 'numeric', { nullable: true }),
          column('float', 'Float', 'double precision', { nullable: true }),
          column('real', 'Float', 'real', { nullable: true }),
          column('doc', 'Json', 'jsonb', { nullable: true }),
          column('at', 'DateTime', 'timestamp(6) with time zone', { nullable: true }),
          column('amounts', 'Decimal', 'numeric', { list: true }),
        ],
        uniques: [['padded'], ['amount'], ['float', 'real'], ['doc'], ['at'], ['amounts']],
      }),
    ],
  }),
})
