import type { ExpressionIr } from './view-ir.ts'

/**
 * A text that expressions over the same sources share exactly if they are written the same, and so have the same value.
 * Whether that may be NULL depends on where they stand.
 */
export function identify(expression: ExpressionIr): string {
  return JSON.stringify(expression, (name, value: unknown) => (name === 'nullable' ? undefined : value))
}

/** Whether two expressions over the same sources are written the same. */
export function sameExpression(a: ExpressionIr, b: ExpressionIr): boolean {
  return identify(a) === identify(b)
}

/** Each expression once, where it stands first. */
export function distinct<Item extends ExpressionIr>(items: readonly Item[]): readonly Item[] {
  return [...new Map(items.map((item) => [identify(item), item])).values()]
}
