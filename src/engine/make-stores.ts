import type { CheckedOptions } from './options.ts'
import type { StoreTarget } from './store-options.ts'

/** The stores that the options name. */
export function makeStores({ stores }: CheckedOptions): readonly StoreTarget[] {
  return stores.stores
}
