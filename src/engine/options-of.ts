import type { CheckedOptions } from './options.ts'

const known = new WeakMap<object, CheckedOptions>()

/** Notes what a sync was made with, for tools that are given the sync alone. */
export function noteOptions(sync: object, options: CheckedOptions): void {
  known.set(sync, options)
}

/** What a sync was made with; null for anything that `createSync` has not made. */
export function optionsOf(sync: object): CheckedOptions | null {
  return known.get(sync) ?? null
}
