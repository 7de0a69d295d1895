import { DbsyncError } from '../core/errors.ts'
import type { ViewSet } from '../engine/options.ts'
import type { Sync } from '../engine/sync.ts'
import { TransactionFeed } from '../engine/transaction-feed.ts'
import { Recorder, type ChangeRecorder } from './change-recorder.ts'

/**
 * Records the changes of a sync from now on, as `sync.changes()` gives them: of the models in its option `changes`.
 *
 * It is a reader beside the sync's handlers and sees what they see, in the same order; it does not wait for them.
 * Throws: CONFIG.INVALID_OPTIONS for a sync without the option `changes`, SYNC.CLOSED.
 *
 * @example
 * ```ts
 * import assert from 'node:assert'
 * import { createSync } from 'prisma-dbsync'
 * import { recordChanges, testDatabase } from 'prisma-dbsync/testing'
 * import { schema } from './generated/dbsync/index.ts'
 *
 * export async function tellsOfANewRestaurant(): Promise<void> {
 *   await using db = await testDatabase(schema)
 *   await using sync = createSync({ schema, connection: db.url, changes: true, slot: { durable: false } })
 *   await using changes = recordChanges(sync)
 *   await sync.start()
 *   await db.query("INSERT INTO restaurant (id, name) VALUES ('r1', 'Nona')")
 *   const { after } = await changes.next({ model: 'Restaurant', op: 'insert' })
 *   assert.equal(after.name, 'Nona')
 *   await changes.settled()
 *   assert.equal(changes.transactions.length, 1)
 * }
 * ```
 */
export function recordChanges<Views extends ViewSet, Change>(
  sync: Sync<Views, Change>,
): ChangeRecorder<Change> {
  const feed: unknown = sync.changes()
  if (feed instanceof TransactionFeed) return new Recorder<Change>(feed, () => sync.catchUp())
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    'recordChanges was given a sync that createSync has not made. Pass the sync itself.',
  )
}
