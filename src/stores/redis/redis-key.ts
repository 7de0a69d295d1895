import { codecFor } from '../../values/codec-for.ts'
import { derivedColumn } from '../../views/compile/plan-node.ts'
import type { ViewDefinition, ViewKey } from '../../views/define-view.ts'
import { queryOutputs } from '../../views/query-outputs.ts'
import { DbsyncError } from '../../core/errors.ts'
import { keyText } from './key-text.ts'
import { REDIS_PREFIX, rowName } from './redis-names.ts'

/**
 * The Redis key of a row of a view, for readers: `redisKey(restaurantRating, 'r1')` is `dbsync:restaurant_rating:r1`.
 *
 * `key` is what `get` of the view takes. `prefix` is that of the store. A row that the view does not have has no such key in Redis.
 * Readers that are not written in TypeScript: the parts are joined by `:`; in each, `%` is `%25`, `:` is `%3A`, and NULL is `%N`; numbers
 * are without zeros behind the last digit, times without the zone.
 *
 * Throws: VIEW.INVALID_DEFINITION for a view without a key, CONFIG.INVALID_OPTIONS for a key of another type.
 *
 * @example
 * ```ts
 * import { createClient } from 'redis'
 * import { defineView, redisKey } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * const restaurants = defineView('restaurants', (q) => q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: r.name })))
 * const redis = await createClient().connect()
 *
 * export async function nameOf(id: string): Promise<string | null> {
 *   return redis.hGet(redisKey(restaurants, id), 'name')
 * }
 * ```
 */
export function redisKey<V extends ViewDefinition>(
  view: V,
  key: ViewKey<V>,
  options: { readonly prefix?: string } = {},
): string {
  const { name, ir, schema } = view
  if (ir.key === null) {
    throw new DbsyncError(
      'VIEW.INVALID_DEFINITION',
      `${name}: found no key; need one to find a row by. Select what tells its rows apart, or name it as \`key\`.`,
    )
  }
  const outputs = queryOutputs(ir.query)
  const isSingle = ir.key.length === 1
  const parts = ir.key.map((field) => {
    const value: unknown = isSingle ? key : isObject(key) ? Reflect.get(key, field) : undefined
    const type = outputs.find((output) => output.name === field)?.expression.type
    if (value === null || type === undefined) return null
    return keyText(codecFor(schema, name, derivedColumn(field, type)).textFromPublic(value), type)
  })
  return rowName(options.prefix ?? REDIS_PREFIX, name, parts)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
