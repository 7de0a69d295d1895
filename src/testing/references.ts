import type { RelationContract } from '../contract/schema-contract.ts'
import { formOf, type ModelForm, type TextRow } from './model-form.ts'

/** One in so many references that may be NULL is. The simplest choice, 0, is NULL where it may be. */
const NULL_SHARE = 5

/** What {@link refer} needs of the world. */
export interface ReferredRows {
  /** The rows that a relation may point to; null if they are not known, as those of a model that comes later. */
  rowsOf(relation: RelationContract): readonly TextRow[] | null
}

/**
 * Makes a row's foreign keys point to rows that are there: each relation by its pick, in order; a later one keeps to the fields that earlier
 * ones have set. Where no row fits, a reference is NULL if it may be; a row may refer to itself if nothing else is left.
 *
 * `fixed`: fields that stay as they are. False if a reference cannot be satisfied; then the row is of no use.
 */
export function refer(
  form: ModelForm,
  row: Map<string, string | null>,
  picks: readonly number[],
  world: ReferredRows,
  fixed: ReadonlySet<string> = new Set(),
  relations: readonly RelationContract[] = form.relations,
): boolean {
  const set = new Set(fixed)
  return relations.every((relation) => {
    const pick = picks[form.relations.indexOf(relation)] ?? 0
    const isMet = follow(form, row, relation, pick, world, set)
    for (const field of relation.fields) set.add(field)
    return isMet
  })
}

function follow(
  form: ModelForm,
  row: Map<string, string | null>,
  relation: RelationContract,
  pick: number,
  world: ReferredRows,
  set: ReadonlySet<string>,
): boolean {
  const pairs = relation.fields.map((field, index) => ({ field, to: relation.references[index] ?? '' }))
  // One NULL among the columns of a foreign key, and it is satisfied.
  if (pairs.some(({ field }) => set.has(field) && row.get(field) === null)) return true
  const fits = (parent: TextRow): boolean =>
    pairs.every(({ field, to }) => {
      const text = parent.get(to) ?? null
      return text !== null && (!set.has(field) || row.get(field) === text)
    })
  const parents = (world.rowsOf(relation) ?? []).filter(fits)
  const nullable = relation.fields.filter((field) => !set.has(field) && isNullable(form, field))
  if (nullable.length > 0 && (parents.length === 0 || pick % NULL_SHARE === 0)) {
    for (const field of nullable) row.set(field, null)
    return true
  }
  const chosen = parents[Math.floor(pick / NULL_SHARE) % parents.length]
  const parent = chosen ?? (relation.model === form.model.model && fits(row) ? row : undefined)
  if (parent === undefined) return false
  for (const { field, to } of pairs) row.set(field, parent.get(to) ?? null)
  return true
}

function isNullable(form: ModelForm, field: string): boolean {
  return formOf(form, field)?.column.nullable === true
}
