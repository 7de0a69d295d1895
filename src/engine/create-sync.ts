import type { AnyChange } from '../changes/change.ts'
import { checkOptions, type SyncOptions, type ViewSet } from './options.ts'
import { noteOptions } from './options-of.ts'
import { SyncEngine } from './sync-engine.ts'
import type { Sync } from './sync.ts'

/**
 * Makes a sync. Nothing happens before `start`.
 *
 * The library reads no environment, installs no process handlers and writes to no console: what there is to
 * say comes through `onEvent`, `status` and errors.
 *
 * Throws: CONFIG.INVALID_OPTIONS, CONFIG.INSECURE_CONNECTION, CONFIG.DUPLICATE_VIEW, CONFIG.UNKNOWN_HANDLER.
 *
 * @example
 * ```ts
 * import { avg, createSync, defineView, eq } from 'prisma-dbsync'
 * import { Restaurant, schema, Visit } from './generated/dbsync/index.ts'
 *
 * const restaurantRating = defineView('restaurant_rating', (q) =>
 *   q.from({ r: Restaurant })
 *     .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
 *     .groupBy(({ r }) => [r.id])
 *     .select(({ r, v }) => ({ id: r.id, rating: avg(v.visitRating) })))
 *
 * export async function rating(url: string, restaurant: string): Promise<number | null> {
 *   await using sync = createSync({ schema, connection: url, views: { restaurantRating } })
 *   await sync.start()
 *   return sync.views.restaurantRating.get(restaurant)?.rating ?? null
 * }
 * ```
 */
export function createSync<
  const Views extends ViewSet = Record<never, never>,
  Handlers = unknown,
  Changes = unknown,
>(
  options: SyncOptions<Views, Handlers, Changes>,
): Sync<Views, unknown extends Changes ? AnyChange : Changes> {
  const checked = checkOptions(options)
  const engine = new SyncEngine(checked)
  noteOptions(engine, checked)
  // The engine makes one view for each definition and events for each model; only the types know which.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return engine as unknown as Sync<Views, unknown extends Changes ? AnyChange : Changes>
}
