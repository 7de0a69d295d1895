import type { ModelContract } from '../contract/schema-contract.ts'

/**
 * Models in an order in which their rows can be inserted: those that others refer to first. In a circle a reference that may be NULL does not
 * count; where all count, their order is that of the schema.
 */
export function insertionOrder(models: readonly ModelContract[]): readonly ModelContract[] {
  const left = new Set(models)
  const ordered: ModelContract[] = []
  while (left.size > 0) {
    const waits = (model: ModelContract, isNeeded: (fields: readonly string[]) => boolean): boolean =>
      model.relations.some(
        (relation) =>
          relation.model !== model.model &&
          isNeeded(relation.fields) &&
          [...left].some((other) => other.model === relation.model),
      )
    const all = [...left]
    const next =
      all.find((model) => !waits(model, () => true)) ??
      all.find((model) => !waits(model, (fields) => mustRefer(model, fields))) ??
      all[0]
    if (next === undefined) break
    left.delete(next)
    ordered.push(next)
  }
  return ordered
}

function mustRefer(model: ModelContract, fields: readonly string[]): boolean {
  return !model.columns.some(({ field, nullable }) => nullable && fields.includes(field))
}
