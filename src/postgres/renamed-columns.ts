import type { ColumnContract, ModelContract, SchemaContract } from '../contract/schema-contract.ts'
import type { CatalogColumn, CatalogTable } from './catalog.ts'
import { hasType } from './column-types.ts'
import { isSimilar, similarity } from './name-similarity.ts'

/**
 * For columns of the contract that a table lacks, the columns that they may have been renamed to, by their names in the
 * database. Evidence is what a rename leaves: the type, and the place among the columns or a name alike. Pure.
 */
export function renamedColumns(
  contract: SchemaContract,
  model: ModelContract,
  table: CatalogTable,
): ReadonlyMap<string, string> {
  const missing = model.columns.filter(({ column }) => !table.columns.some(({ name }) => name === column))
  const unknown = table.columns.filter(
    ({ name, isGenerated }) => !isGenerated && !model.columns.some(({ column }) => column === name),
  )
  const pairs = missing
    .flatMap((column) => {
      const inPlace = inItsPlace(contract, model, table, column)
      return unknown
        .filter((candidate) => hasType(contract, column, candidate))
        .map((candidate) => ({ column, candidate, weight: weigh(column, candidate, candidate === inPlace) }))
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
  const renamed = new Map<string, string>()
  for (const { column, candidate } of pairs) {
    const isTaken = [...renamed.values()].includes(candidate.name)
    if (!isTaken && !renamed.has(column.column)) renamed.set(column.column, candidate.name)
  }
  return renamed
}

/** How much speaks for a rename; 0: too little. */
function weigh({ column }: ColumnContract, { name }: CatalogColumn, isInPlace: boolean): number {
  const likeness = similarity(column, name)
  if (isInPlace) return 1 + likeness
  return isSimilar(column, name) ? likeness : 0
}

/**
 * The column that stands where a missing one should, if there is no other choice. A rename leaves a column's number, so it stands
 * between the same neighbours, where no column was dropped; one that is made anew comes behind all others.
 */
function inItsPlace(
  contract: SchemaContract,
  model: ModelContract,
  table: CatalogTable,
  column: ColumnContract,
): CatalogColumn | undefined {
  const numberOf = ({ column: name }: ColumnContract): number | undefined =>
    table.columns.find((found) => found.name === name)?.number
  const isThere = (other: ColumnContract): boolean => numberOf(other) !== undefined
  const at = model.columns.indexOf(column)
  const before = model.columns.findLastIndex((other, index) => index < at && isThere(other))
  const next = model.columns.findIndex((other, index) => index > at && isThere(other))
  const after = next < 0 ? model.columns.length : next
  const [left, right] = [model.columns[before], model.columns[after]]
  const from = (left === undefined ? undefined : numberOf(left)) ?? 0
  const to = (right === undefined ? undefined : numberOf(right)) ?? table.lastNumber + 1
  const between = table.columns.filter(({ number }) => number > from && number < to)
  if (between.length !== to - from - 1) return undefined
  const isLike = (other: ColumnContract, found: CatalogColumn): boolean =>
    hasType(contract, other, found) && (other.list || other.nullable === found.nullable)
  const fitting = between.filter((found) => isLike(column, found))
  const [first] = fitting
  if (first === undefined) return undefined
  // As many as are missing there: then they are those, in their order.
  const rivals = model.columns.slice(before + 1, after).filter((other) => isLike(other, first))
  return fitting.length === rivals.length ? fitting[rivals.indexOf(column)] : undefined
}
