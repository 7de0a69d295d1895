import { quoteIdentifier } from '../core/quote.ts'
import { findDroppablePublication, findDroppableSlot } from '../postgres/check-removal.ts'
import { targetOf, type ConnectionOptions } from '../postgres/resolve-connection.ts'
import { ControlSession } from '../postgres/control-session.ts'
import { ReadingStore } from '../postgres/reading-store.ts'
import { assertSlotName } from '../replication/slot.ts'

/** What {@link uninstall} takes. */
export interface UninstallOptions {
  readonly connection: ConnectionOptions
  /** As for `createSync`: whether a connection to another host may do without verified TLS. Default: false. */
  readonly allowInsecure?: boolean
  /** The durable slot's name. Default: `dbsync`. */
  readonly slot?: string
  /** The publication's name. Default: `dbsync`. */
  readonly publication?: string
  /** Whether to look only, and to drop nothing. Default: false. */
  readonly dryRun?: boolean
}

/** What {@link uninstall} found, and dropped unless it was told to look only. */
export interface Uninstalled {
  readonly slot: { readonly name: string; readonly found: boolean }
  readonly publication: { readonly name: string; readonly found: boolean }
}

/**
 * Drops the slot and the publication that a sync has left in the database. For good: the slot's place in the stream is lost.
 *
 * Nothing is dropped if one of them cannot be. What is not there is passed over, so it is safe to call twice.
 * Throws: SLOT.IN_USE while a session streams from the slot, SLOT.INCOMPATIBLE if it is another database's or plugin's,
 *   POSTGRES.PERMISSION, CONFIG.INVALID_OPTIONS.
 *
 * @example
 * ```ts
 * import { uninstall } from 'prisma-dbsync'
 *
 * export const retire = (url: string) => uninstall({ connection: url, slot: 'orders' })
 * ```
 */
export async function uninstall(options: UninstallOptions): Promise<Uninstalled> {
  const slot = options.slot ?? 'dbsync'
  const publication = options.publication ?? 'dbsync'
  assertSlotName(slot)
  const control = new ControlSession(targetOf(options.connection, options.allowInsecure))
  try {
    const dropped = await control.use('drop slot and publication', async (client) => {
      const hasSlot = await findDroppableSlot(client, slot)
      const hasPublication = await findDroppablePublication(client, publication)
      if (options.dryRun !== true) {
        if (hasSlot) await client.query('SELECT pg_drop_replication_slot($1)', [slot])
        if (hasPublication) await client.query(`DROP PUBLICATION IF EXISTS ${quoteIdentifier(publication)}`)
      }
      return {
        slot: { name: slot, found: hasSlot },
        publication: { name: publication, found: hasPublication },
      }
    })
    // How far a slot's first reading had come is of no more use.
    if (options.dryRun !== true) await new ReadingStore(control, slot).forget()
    return dropped
  } finally {
    await control.close()
  }
}
