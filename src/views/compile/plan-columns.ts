import { columnOf } from '../../contract/lookup.ts'
import type { ColumnContract, ModelContract } from '../../contract/schema-contract.ts'
import { type Capability, capabilityOf } from '../check/capabilities.ts'
import type { DerivedModel } from './plan-node.ts'
import type { ColumnIr, ExpressionIr, TypeIr } from '../view-ir.ts'

/** Whether a table holds the rows of a node. */
export function isDerived(model: ModelContract): model is DerivedModel {
  return 'shapes' in model
}

/** Sets of fields of which no two rows of a table have the same values. */
export function uniquesOf(model: ModelContract): readonly (readonly string[])[] {
  return [model.key, ...visibleUniques(model)]
}

/** Those of them that hold values of rows: the key of a derived table is a number of our own. */
export function visibleUniques(model: ModelContract): readonly (readonly string[])[] {
  return isDerived(model) ? model.identities : [model.key]
}

/** The key of a source, as columns. */
export function keyOf({
  alias,
  model,
}: {
  readonly alias: string
  readonly model: ModelContract
}): readonly ColumnIr[] {
  return model.key.map((field) => columnAs(alias, columnOf(model, field)))
}

/** A column of a table as that of a source. */
export function columnAs(source: string, column: ColumnContract): ColumnIr {
  const { field, type: scalar, enum: label, pgType, list, nullable } = column
  const type = { scalar, ...(label === undefined ? {} : { enum: label }), pgType, list, nullable }
  return { kind: 'column', source, field, type }
}

/** What a view may do with a column. */
export function capability(contract: ColumnContract): Capability {
  return capabilityOf(typeOfColumn(contract))
}

/** The type of a column's values. */
export function typeOfColumn(contract: ColumnContract): TypeIr {
  return { ...contract, scalar: contract.type }
}

/** `source.field`. */
export function nameOf({ source, field }: ColumnIr): string {
  return `${source}.${field}`
}

/** Whether both are one column. */
export function sameColumn(a: ExpressionIr, b: ExpressionIr): boolean {
  return a.kind === 'column' && b.kind === 'column' && a.source === b.source && a.field === b.field
}

/** Each column once. */
export function distinctColumns(columns: readonly ColumnIr[]): readonly ColumnIr[] {
  return columns.filter((column, at) => columns.findIndex((other) => sameColumn(column, other)) === at)
}

/** The number that stands there most often; of several the largest. */
export function mostFrequent(numbers: readonly number[]): number | undefined {
  const count = (number: number): number => numbers.filter((other) => other === number).length
  return numbers.toSorted((a, b) => count(b) - count(a) || b - a)[0]
}
