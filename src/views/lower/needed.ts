import type { ExpressionIr, SelectIr, TypeIr } from '../view-ir.ts'
import { columnsIn } from '../walk-ir.ts'

/** What a query reads of its sources: the types of the fields of each alias. */
export type Needed = ReadonlyMap<string, ReadonlyMap<string, TypeIr>>

/** What a query reads of each of its sources. */
export function neededBy(select: SelectIr): Needed {
  const needed = new Map<string, Map<string, TypeIr>>()
  const use = (expression: ExpressionIr | null): void => {
    for (const { source, field, type } of expression === null ? [] : columnsIn(expression)) {
      needed.set(source, (needed.get(source) ?? new Map<string, TypeIr>()).set(field, type))
    }
  }
  for (const { join } of select.sources) use(join?.on ?? null)
  for (const { on } of select.exists) use(on)
  for (const item of [select.where, select.having, ...(select.groupBy ?? [])]) use(item)
  for (const { expression } of [...select.select, ...select.order]) use(expression)
  for (const expression of select.limit?.by ?? []) use(expression)
  return needed
}

/** The same with what EXISTS reads of its own relation, whose alias may stand for another one elsewhere in the query. */
export function withOwn(needed: Needed, alias: string, on: ExpressionIr): Needed {
  const own = columnsIn(on).filter(({ source }) => source === alias)
  return new Map([...needed, [alias, new Map(own.map(({ field, type }) => [field, type]))]])
}

/** What is needed of some sources. */
export function restrict(needed: Needed, aliases: readonly string[]): Needed {
  return new Map(aliases.map((alias) => [alias, needed.get(alias) ?? new Map<string, TypeIr>()]))
}
