import type { ViewState } from '../../../src/ivm/view-state.ts'

/** One text for equal rows, and another for others. */
export function rowText(row: unknown): string {
  return JSON.stringify(row, (_name, value: unknown) =>
    typeof value === 'bigint' || typeof value === 'number' ? `${typeof value} ${value}` : value,
  )
}

/** All rows of a view as sorted texts; what it failed with if it has failed. */
export function stateText(state: ViewState | undefined): readonly string[] {
  if (state === undefined) return ['no such view']
  if (state.failure !== null) return [state.failure.code]
  return [...state.rows()].map(rowText).toSorted()
}
