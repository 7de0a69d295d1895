import type { ColumnContract, ModelContract, Schema } from '../../contract/schema-contract.ts'
import type { BlockIr } from './block-ir.ts'
import type { TypeIr } from '../view-ir.ts'

/** A name that no field and no output has: those hold no NUL. */
export function hidden(name: string): string {
  return `\0${name}`
}

/** The type of the key of a derived table. */
export const ROW_KEY_TYPE: TypeIr = { scalar: 'Int', pgType: 'integer', list: false, nullable: false }

/** What the objects of a nested result hold: their names in order, and what their values are. */
export type RowsShape = readonly {
  readonly name: string
  readonly type: TypeIr
  /** Of a nested result inside; null: a value. */
  readonly rows: RowsShape | null
}[]

/** The rows of a node, as a table that later blocks read like one of the database. */
export interface DerivedModel extends ModelContract {
  /** Sets of fields of which no two rows have the same values; NULLs are alike, unlike in `uniques`. */
  readonly identities: readonly (readonly string[])[]
  /** By field: the columns that hold nested results. */
  readonly shapes: ReadonlyMap<string, RowsShape>
}

/** A block whose rows are kept in a derived table; the branches of a UNION share one. */
export interface BlockNode {
  readonly kind: 'block'
  readonly table: string
  readonly block: BlockIr
  readonly branch: number
  readonly branches: number
}

/** The rows of a table that lie within LIMIT and OFFSET of each partition. */
export interface TopNode {
  readonly kind: 'top'
  readonly table: string
  readonly input: string
  readonly partition: readonly string[]
  readonly order: readonly FieldOrder[]
  /** Null: all after the offset. */
  readonly count: number | null
  readonly offset: number
}

/** One item of an order, over the fields of a table. */
export interface FieldOrder {
  readonly field: string
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** The rows of a table whose time stands in an order to a moment that moves with the clock. */
export interface TimeNode {
  readonly kind: 'time'
  readonly table: string
  readonly input: string
  /** A timestamp. */
  readonly field: string
  /** How it stands to the moment. */
  readonly comparison: 'gt' | 'gte' | 'lt' | 'lte'
  /** How far before now the moment lies, in microseconds, as a decimal text. */
  readonly micros: string
}

export type PlanNode = BlockNode | TopNode | TimeNode

/** What keeps a view: its nodes, each after those that it reads, and the block that shows its rows. */
export interface LoweredView {
  readonly nodes: readonly PlanNode[]
  readonly models: readonly DerivedModel[]
  readonly last: BlockIr
}

/** What keeps the rows of a view in a table: its nodes, each after those that it reads; the last model is that of the rows. */
export interface LoweredRows {
  readonly nodes: readonly PlanNode[]
  readonly models: readonly DerivedModel[]
  readonly rows: DerivedModel
}

/** The schema with tables that blocks derive. */
export function withDerived(schema: Schema, models: readonly DerivedModel[]): Schema {
  if (models.length === 0) return schema
  return { ...schema, contract: { ...schema.contract, models: [...schema.contract.models, ...models] } }
}

/** A column of a derived table. */
export function derivedColumn(field: string, type: TypeIr): ColumnContract {
  const { scalar, enum: label, pgType, list, nullable, nulls } = type
  return {
    field,
    column: field,
    type: scalar,
    ...(label === undefined ? {} : { enum: label }),
    pgType,
    list,
    nullable,
    ...(nulls === undefined ? {} : { nulls }),
  }
}
