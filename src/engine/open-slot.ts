import { randomBytes } from 'node:crypto'
import { sleep } from '../core/backoff.ts'
import { DbsyncError } from '../core/errors.ts'
import { parseLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { describeBlockers, readSlot } from '../postgres/slot-status.ts'
import type { ReplicationSession } from '../replication/replication-session.ts'
import { createSlot } from '../replication/slot.ts'
import { readExportedSnapshot } from '../snapshot/read-snapshot.ts'
import type { Snapshot } from '../snapshot/visibility.ts'
import type { CheckedOptions } from './options.ts'

/** The slot that a session streams from. */
export interface OpenSlot {
  readonly name: string
  readonly isNew: boolean
  /** Where a new slot's stream begins. */
  readonly start: Lsn
  /** What a new slot's creation saw; null for a slot that was there. */
  readonly anchor: Snapshot | null
}

/** Ways in which a slot can lose changes. */
export type LossCode = 'SLOT.MISSING' | 'SLOT.INVALIDATED' | 'PUBLICATION.MISSING'

/** What opening a slot needs of the engine. */
export interface SlotHost {
  readonly control: ControlSession
  readonly options: CheckedOptions
  /** Whether this sync has streamed before, so that the slot must be there. */
  readonly isExpected: boolean
  /** Whether the publication was made anew since; a slot that is older may have skipped changes. */
  readonly isPublicationNew: boolean
  /** How far this sync has confirmed the slot. */
  readonly confirmed: Lsn
  readonly signal: AbortSignal
  /** A durable slot is about to be made. */
  onNewSlot(name: string): Promise<void>
  onWait(reason: string): void
  /** A temporary slot went with its session; what came since is in no stream. */
  onGap(): void
  /** Continuity is gone; throws unless everything can be read anew. */
  onLost(code: LossCode, found: string): void
}

/** Finds the durable slot that the options name, or creates the slot. Throws: SLOT.*, POSTGRES.*. */
export async function openSlot(host: SlotHost, session: ReplicationSession): Promise<OpenSlot> {
  const { durable, name: wanted } = host.options.slot
  const name = wanted ?? `dbsync_${randomBytes(8).toString('hex')}`
  if (durable && (await reuseSlot(host, name))) return { name, isNew: false, start: ZERO_LSN, anchor: null }
  if (!durable && host.isExpected) host.onGap()
  if (durable) await host.onNewSlot(name)
  const prompting = setInterval(() => {
    promptCreation(host.control).catch(() => {})
  }, PROMPT_MS)
  const created = await createSlot(session, name, !durable, async () => {
    host.signal.throwIfAborted()
    host.onWait(`transactions that were open when the slot was made: ${await describeBlockers(host.control)}`)
  }).finally(() => clearInterval(prompting))
  const anchor = await readExportedSnapshot(host.control, created.snapshotName)
  return { name, isNew: true, start: created.consistentPoint, anchor }
}

const PROMPT_MS = 1_000

/**
 * Logs which transactions run. A slot becomes consistent when it reads such a record at the right moment, and an idle server
 * writes one every 15 s only. Since version 16, for roles that may; elsewhere a creation that waits writes its own when the
 * waiting is over, and a call that is refused would be an error in the server's log each second.
 */
async function promptCreation(control: ControlSession): Promise<void> {
  const [[mayCall] = []] = await control.query(
    "SELECT has_function_privilege(to_regprocedure('pg_catalog.pg_log_standby_snapshot()'), 'EXECUTE')::text",
  )
  if (mayCall === 'true') await control.query('SELECT pg_log_standby_snapshot()::text')
}

/** Whether the durable slot is there and good; waits while another session uses it. */
async function reuseSlot(host: SlotHost, name: string): Promise<boolean> {
  const startMs = performance.now()
  for (;;) {
    const slot = await readSlot(host.control, name)
    if (slot === null) {
      if (host.isExpected)
        host.onLost('SLOT.MISSING', `Slot "${name}" was dropped while the sync was using it.`)
      return false
    }
    const [[database] = []] = await host.control.query('SELECT current_database()::text')
    if (slot.plugin !== 'pgoutput' || slot.database !== database) {
      throw new DbsyncError(
        'SLOT.INCOMPATIBLE',
        `Slot "${name}" belongs to plugin "${slot.plugin}" and database "${slot.database}"; DBSync needs pgoutput in ` +
          `"${database ?? ''}". Name another slot in the option slot.name, or drop this one.`,
        { details: { slot: name } },
      )
    }
    // A slot made again under the name, or moved on by somebody else: what lies between is lost to us.
    const isMoved = host.isExpected && parseLsn(slot.confirmedFlush ?? '0/0') > host.confirmed
    if (slot.isInvalid || host.isPublicationNew || isMoved) {
      if (slot.isInvalid)
        host.onLost(
          'SLOT.INVALIDATED',
          `Slot "${name}" was invalidated: the server discarded WAL that it still needed.`,
        )
      else if (isMoved)
        host.onLost(
          'SLOT.MISSING',
          `Slot "${name}" stands past what this sync has confirmed: somebody moved it or made it again.`,
        )
      else
        host.onLost(
          'PUBLICATION.MISSING',
          `Publication "${host.options.publication}" was changed or made anew, or the server is not the one it was; slot "${name}" may have skipped changes.`,
        )
      await host.control.query('SELECT pg_drop_replication_slot($1)::text', [name])
      return false
    }
    if (slot.activePid === null) return true
    if (performance.now() - startMs > host.options.slot.waitMs) {
      throw new DbsyncError(
        'SLOT.IN_USE',
        `Slot "${name}" is in use by backend ${slot.activePid}. Stop the other instance, or name another slot in slot.name.`,
        { details: { slot: name, pid: slot.activePid } },
      )
    }
    host.onWait(`slot "${name}", which backend ${slot.activePid} is using`)
    await sleep(Math.min(250, Math.max(1, host.options.slot.waitMs)), host.signal)
  }
}
