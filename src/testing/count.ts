/** How many: exactly, or between two. */
export type Count = number | { readonly min?: number; readonly max: number }

/** The limits of a count, for arbitraries of arrays; `standard`: the most of them where nothing is said. */
export function countOf(
  count: Count | undefined,
  standard: number,
): { readonly minLength: number; readonly maxLength: number; readonly size: 'max' } {
  const { min, max } =
    typeof count === 'number' ? { min: count, max: count } : { min: 0, max: standard, ...count }
  return { minLength: min, maxLength: max, size: 'max' }
}
