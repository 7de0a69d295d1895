import { ROW_KEY } from '../../zset/row-key.ts'
import { createHash } from 'node:crypto'
import { modelOf } from '../../contract/lookup.ts'
import type { ColumnContract, ModelContract, Schema } from '../../contract/schema-contract.ts'
import { DbsyncError, invariant } from '../../core/errors.ts'
import type { BlockIr, BlockSourceIr, RowsIr } from '../compile/block-ir.ts'
import { isDerived, visibleUniques } from '../compile/plan-columns.ts'
import {
  derivedColumn,
  type DerivedModel,
  type FieldOrder,
  type PlanNode,
  ROW_KEY_TYPE,
  type RowsShape,
  type TimeNode,
} from '../compile/plan-node.ts'
import type { ExpressionIr, TypeIr } from '../view-ir.ts'

/** Kept as text. */
const ROWS_TYPE: TypeIr = { scalar: 'String', pgType: 'text', list: false, nullable: true }

/** A block without what its node gives it. */
export type BlockParts = Pick<BlockIr, 'sources' | 'where' | 'groupBy' | 'select' | 'rows'>

/**
 * The nodes of a view, in the order in which they are brought up to date.
 *
 * A node's table is named by what the node does, so equal parts of views are one node.
 */
export class Nodes {
  /** The view's, for messages. */
  readonly view: string
  readonly #schema: Schema
  readonly #nodes = new Map<string, readonly PlanNode[]>()
  readonly #models = new Map<string, DerivedModel>()

  constructor(schema: Schema, view: string) {
    this.#schema = schema
    this.view = view
  }

  get all(): readonly PlanNode[] {
    return [...this.#nodes.values()].flat()
  }

  get models(): readonly DerivedModel[] {
    return [...this.#models.values()]
  }

  /** A table of the database or of a node. */
  model(name: string): ModelContract {
    return this.#models.get(name) ?? modelOf(this.#schema, name)
  }

  /** The table of a grouped block's rows, with the rows of each group as an output `name`. */
  nested(
    parts: BlockParts & { readonly rows: RowsIr },
    unique: readonly string[],
    shape: RowsShape,
  ): DerivedModel {
    // The names of what is shown stand in the shape alone.
    const table = nameOf([parts, shape])
    const known = this.#models.get(table)
    if (known !== undefined) return known
    const model = this.#add(table, [parts], [unique])
    const whole = {
      ...model,
      columns: [...model.columns, derivedColumn(parts.rows.name, ROWS_TYPE)],
      shapes: new Map([[parts.rows.name, shape]]),
    }
    this.#models.set(table, whole)
    return whole
  }

  /** What a column of a source holds, if it is a nested result. */
  shapeOf(sources: readonly BlockSourceIr[], expression: ExpressionIr): RowsShape | undefined {
    if (expression.kind !== 'column') return undefined
    const source = sources.find(({ alias }) => alias === expression.source)
    return source === undefined ? undefined : this.#models.get(source.model)?.shapes.get(expression.field)
  }

  /** The table of a block's rows; `identities` are sets of outputs of which no two rows have the same values. */
  block(parts: BlockParts, identities: readonly (readonly string[])[]): DerivedModel {
    return this.union([parts], identities)
  }

  /** The table of the rows of several blocks with the same outputs. */
  union(blocks: readonly BlockParts[], identities: readonly (readonly string[])[]): DerivedModel {
    return this.#add(nameOf(blocks), blocks, identities)
  }

  /** The table of the rows within LIMIT and OFFSET. */
  top(
    input: DerivedModel,
    partition: readonly string[],
    order: readonly FieldOrder[],
    count: number | null,
    offset: number,
  ): DerivedModel {
    const parts = { input: input.model, partition, order, count, offset }
    const table = nameOf(parts)
    const model: DerivedModel = { ...input, model: table, table }
    if (!this.#nodes.has(table)) {
      this.#nodes.set(table, [{ kind: 'top', table, ...parts }])
      this.#models.set(table, model)
    }
    return model
  }

  /** The table of the rows whose time stands so to a moment that moves. */
  time(input: string, bound: Omit<TimeNode, 'kind' | 'table' | 'input'>): DerivedModel {
    const parts = { kind: 'time', input, ...bound } as const
    const table = nameOf(parts)
    const known = this.#models.get(table)
    if (known !== undefined) return known
    const model = this.model(input)
    const columns = model.columns.filter(({ field }) => field !== ROW_KEY)
    const shapes = isDerived(model) ? model.shapes : new Map<string, RowsShape>()
    const made = derivedModel(table, columns, visibleUniques(model), shapes)
    this.#nodes.set(table, [{ table, ...parts }])
    this.#models.set(table, made)
    return made
  }

  /** An error that says what of the view no blocks keep. */
  refuse(found: string, need: string): DbsyncError {
    return new DbsyncError('VIEW.UNSUPPORTED', `${this.view}: found ${found}; need ${need}.`)
  }

  #add(
    table: string,
    blocks: readonly BlockParts[],
    identities: readonly (readonly string[])[],
  ): DerivedModel {
    const known = this.#models.get(table)
    if (known !== undefined) return known
    const [first] = blocks
    invariant(first !== undefined, 'a node without a block')
    const columns = first.select.map(({ name, expression }) =>
      // A block may give NULL wherever one of its sources is missing.
      derivedColumn(name, { ...expression.type, nullable: true }),
    )
    const model = derivedModel(table, columns, identities, this.#shapes(blocks))
    const nodes = blocks.map((parts, branch): PlanNode => ({
      kind: 'block',
      table,
      block: { ...parts, name: this.view, key: null },
      branch,
      branches: blocks.length,
    }))
    this.#nodes.set(table, nodes)
    this.#models.set(table, model)
    return model
  }

  /** What the nested results among the outputs of some blocks show, which is the same in all. */
  #shapes(blocks: readonly BlockParts[]): DerivedModel['shapes'] {
    const shapes = new Map<string, RowsShape>()
    const plain = new Set<string>()
    for (const { sources, select } of blocks) {
      for (const { name, expression } of select) {
        if (expression.kind === 'literal' && expression.text === null) continue
        const shape = this.shapeOf(sources, expression)
        const known = shapes.get(name)
        if (shape === undefined) plain.add(name)
        else shapes.set(name, shape)
        const isMixed = shapes.has(name) && plain.has(name)
        if (isMixed || (known !== undefined && JSON.stringify(known) !== JSON.stringify(shape))) {
          throw this.refuse(
            `rows of different columns under the name ${name}`,
            'nested results of the same columns',
          )
        }
      }
    }
    return shapes
  }
}

/** A table with those columns and a key of our own. */
function derivedModel(
  table: string,
  columns: readonly ColumnContract[],
  identities: DerivedModel['identities'],
  shapes: DerivedModel['shapes'],
): DerivedModel {
  return {
    model: table,
    schema: '',
    table,
    columns: [derivedColumn(ROW_KEY, ROW_KEY_TYPE), ...columns],
    key: [ROW_KEY],
    keyIsPrimary: true,
    relations: [],
    identities,
    shapes,
  }
}

/** No model of a Prisma schema begins so. */
function nameOf(content: unknown): string {
  return `#${createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16)}`
}
