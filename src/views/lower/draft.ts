import type { ModelContract } from '../../contract/schema-contract.ts'
import { invariant } from '../../core/errors.ts'
import type { BlockSourceIr } from '../compile/block-ir.ts'
import { identify } from '../same-expression.ts'
import type { ColumnIr, ExpressionIr, TypeIr } from '../view-ir.ts'

/** Where the columns of one query's source are found, while its block is being built. */
export interface Place {
  /** The alias in the block. */
  readonly source: string
  /** The field there of each of the source's own fields. */
  readonly fields: ReadonlyMap<string, string> | null
  /** Whether an outer join may leave it out. */
  readonly optional: boolean
}

/** A block that is being built: its FROM so far, and where the columns of the query's sources are in it. */
export interface Draft {
  readonly sources: readonly BlockSourceIr[]
  readonly conditions: readonly ExpressionIr[]
  /** By the alias in the query. */
  readonly places: ReadonlyMap<string, Place>
}

/** The draft of a FROM of one table. */
export function draftOf(
  alias: string,
  { model }: Pick<ModelContract, 'model'>,
  places: Draft['places'] = new Map(),
): Draft {
  return { sources: [{ alias, model, join: null }], conditions: [], places }
}

/** A column of the only source of a draft. */
export function onlyColumn({ sources }: Draft, field: string, type: TypeIr): ColumnIr {
  const [only, ...others] = sources
  invariant(only !== undefined && others.length === 0, 'no single source')
  return { kind: 'column', source: only.alias, field, type }
}

/** Carries an expression of the query over to the sources of the block; `known` are those that a column holds already. */
export function rewrite(
  expression: ExpressionIr,
  { places }: Pick<Draft, 'places'>,
  known: ReadonlyMap<string, ColumnIr> = NOTHING,
): ExpressionIr {
  const column = known.get(identify(expression))
  if (column !== undefined) return column
  switch (expression.kind) {
    case 'column':
      return place(expression, places)
    case 'call':
      return { ...expression, args: expression.args.map((item) => rewrite(item, { places }, known)) }
    case 'aggregate': {
      const { argument, filter, order } = expression
      return {
        ...expression,
        argument: argument === null ? null : rewrite(argument, { places }, known),
        ...(filter === undefined ? {} : { filter: rewrite(filter, { places }, known) }),
        ...(order === undefined
          ? {}
          : {
              order: order.map(({ expression: by, descending, nullsFirst }) => ({
                expression: rewrite(by, { places }, known),
                descending,
                nullsFirst,
              })),
            }),
      }
    }
    default:
      return expression
  }
}

const NOTHING: ReadonlyMap<string, ColumnIr> = new Map()

function place(column: ColumnIr, places: Draft['places']): ColumnIr {
  const found = places.get(column.source)
  invariant(found !== undefined, `no source ${column.source}`)
  const { source, fields, optional } = found
  const field = fields === null ? column.field : fields.get(column.field)
  invariant(field !== undefined, `no column ${column.source}.${column.field}`)
  const type = optional && !column.type.nullable ? { ...column.type, nullable: true } : column.type
  return { kind: 'column', source, field, type }
}
