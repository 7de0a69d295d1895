import { randomBytes } from 'node:crypto'
import { sleep } from '../core/backoff.ts'
import { DbsyncError, type ErrorCode } from '../core/errors.ts'
import { parseLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { describeBlockers, readSlot, readSlotSettings, type SlotStatus } from '../postgres/slot-status.ts'
import type { ReplicationSession } from '../replication/replication-session.ts'
import { createSlot } from '../replication/slot.ts'
import { readExportedSnapshot } from '../snapshot/read-snapshot.ts'
import type { Snapshot } from '../snapshot/visibility.ts'
import type { Doubt } from './continuity.ts'
import type { CheckedOptions } from './options.ts'

/** The slot that a session streams from. */
export interface OpenSlot {
  readonly name: string
  readonly isNew: boolean
  /** Whether it has all that came since this sync streamed from it; otherwise views are read anew. */
  readonly isContinued: boolean
  /** How far it is confirmed: where its stream begins. */
  readonly start: Lsn
  /** What a new slot's creation saw; null for a slot that was there. */
  readonly anchor: Snapshot | null
}

/** Ways in which a slot can lose changes. */
export type LossCode = 'SLOT.MISSING' | 'SLOT.INVALIDATED' | Doubt['code']

/** What opening a slot needs of the engine. */
export interface SlotHost {
  readonly control: ControlSession
  readonly options: CheckedOptions
  /** Whether this sync has streamed before, so that the slot must be there. */
  readonly isExpected: boolean
  /** Why a slot that is older may have skipped changes. */
  readonly doubt: Doubt | null
  /** Whether a standby took over since, so that only a slot that it kept in step is ours. */
  readonly isPromoted: boolean
  /** How far this sync has confirmed the slot. */
  readonly confirmed: Lsn
  /** The server's process that this sync streamed from last. */
  readonly streamedPid: number | null
  readonly signal: AbortSignal
  /** A durable slot is about to be made. */
  onNewSlot(name: string): Promise<void>
  onWait(reason: string): void
  /** Another instance uses the slot: nothing is wrong, and this one takes over when that one is gone. */
  onStandby(): void
  onWarning(code: ErrorCode, message: string): void
  /** A temporary slot went with its session; what came since is in no stream. */
  onGap(): void
  /** Continuity is gone; throws unless everything can be read anew. */
  onLost(code: LossCode, found: string): void
}

/** Finds the durable slot that the options name, or creates the slot. Throws: SLOT.*, POSTGRES.*. */
export async function openSlot(host: SlotHost, session: ReplicationSession): Promise<OpenSlot> {
  const { durable, name: wanted, failover } = host.options.slot
  if (durable && !host.isExpected) await warnOfSettings(host)
  const name = wanted ?? `dbsync_${randomBytes(8).toString('hex')}`
  const kept = durable ? await reuseSlot(host, name) : null
  if (kept !== null) return { name, isNew: false, ...kept, anchor: null }
  if (!durable && host.isExpected) host.onGap()
  if (durable) await host.onNewSlot(name)
  if (failover) await checkFailover(host.control)
  const prompting = setInterval(() => {
    promptCreation(host.control).catch(() => {})
  }, PROMPT_MS)
  const telling = setTimeout(() => void tellBlockers(host).catch(() => {}), TELL_MS)
  const onBlocked = async (): Promise<void> => {
    host.signal.throwIfAborted()
    await tellBlockers(host)
  }
  const created = await createSlot(session, name, !durable, onBlocked, failover).finally(() => {
    clearInterval(prompting)
    clearTimeout(telling)
  })
  const anchor = await readExportedSnapshot(host.control, created.snapshotName)
  return { name, isNew: true, isContinued: false, start: created.consistentPoint, anchor }
}

const PROMPT_MS = 1_000
const TELL_MS = 2_000
const TELL_AGAIN_MS = 30_000

async function tellBlockers(host: SlotHost): Promise<void> {
  const blockers = await describeBlockers(host.control)
  if (blockers !== '') host.onWait(`transactions that were open when the slot was made: ${blockers}`)
}

/** A durable slot keeps WAL while we are away; what the server does about that is its owner's decision, and worth knowing. */
async function warnOfSettings(host: SlotHost): Promise<void> {
  const { keepBytes, idleSeconds } = await readSlotSettings(host.control)
  if (keepBytes === null) {
    host.onWarning(
      'SLOT.UNBOUNDED_WAL',
      'max_slot_wal_keep_size is unlimited: while the sync is away, its durable slot keeps WAL until the disk is full, and ' +
        'the server stops. Set a limit that your disk can bear, and drop the slot when it is no longer used.',
    )
  }
  if (idleSeconds !== null) {
    host.onWarning(
      'SLOT.IDLE_TIMEOUT',
      `idle_replication_slot_timeout is ${idleSeconds} s: a sync that is away for longer loses its slot and the changes since.`,
    )
  }
}

async function checkFailover(control: ControlSession): Promise<void> {
  const [[version] = []] = await control.query("SELECT current_setting('server_version_num')")
  if (Number(version) >= 170_000) return
  throw new DbsyncError(
    'POSTGRES.VERSION',
    `The server is PostgreSQL ${Math.floor(Number(version) / 10_000)}; slot.failover needs 17 or newer. Leave the option out, ` +
      'or upgrade the server.',
    { details: { version: Number(version) } },
  )
}

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

/** The durable slot, if it is there and good; waits while another session uses it. */
async function reuseSlot(
  host: SlotHost,
  name: string,
): Promise<Pick<OpenSlot, 'isContinued' | 'start'> | null> {
  const startMs = performance.now()
  let told = 0
  /** Another instance has used the slot while we waited: where it stands now is its doing, and nobody has missed anything. */
  let wasTaken = false
  for (;;) {
    const slot = await readSlot(host.control, name)
    if (slot === null) {
      if (host.isExpected)
        host.onLost('SLOT.MISSING', `Slot "${name}" was dropped while the sync was using it.`)
      return null
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
    // While somebody uses it nothing is decided: where it stands when it is free again counts.
    if (slot.activePid === null) {
      const loss = lossOf(host, slot, wasTaken)
      if (loss === null)
        return { isContinued: host.isExpected && !isMoved(host, slot), start: confirmedOf(slot) }
      host.onLost(loss.code, loss.found)
      await host.control.query('SELECT pg_drop_replication_slot($1)::text', [name])
      return null
    }
    if (performance.now() - startMs > host.options.slot.waitMs) {
      throw new DbsyncError(
        'SLOT.IN_USE',
        `Slot "${name}" is in use by backend ${slot.activePid}. Stop the other instance, or name another slot in slot.name.`,
        { details: { slot: name, pid: slot.activePid } },
      )
    }
    if (slot.isOurs && slot.activePid !== host.streamedPid) {
      wasTaken = true
      // One that gives up after a while answers whoever started it.
      if (host.options.slot.waitMs === Infinity) host.onStandby()
    }
    // An instance that stands by for days says so now and then.
    if (performance.now() - startMs >= told * TELL_AGAIN_MS) {
      host.onWait(`slot "${name}", which backend ${slot.activePid} is using`)
      told += 1
    }
    await sleep(Math.min(250, Math.max(1, host.options.slot.waitMs)), host.signal)
  }
}

/** A slot made again under the name, or moved on by somebody else: what lies between is lost to us. */
function isMoved({ isExpected, confirmed }: SlotHost, slot: SlotStatus): boolean {
  return isExpected && confirmedOf(slot) > confirmed
}

function confirmedOf({ confirmedFlush }: SlotStatus): Lsn {
  return confirmedFlush === null ? ZERO_LSN : parseLsn(confirmedFlush)
}

/** Why a slot that is there is not one to go on with; null: it is. `wasTaken`: another instance has used it meanwhile. */
function lossOf(
  host: SlotHost,
  slot: SlotStatus,
  wasTaken: boolean,
): { readonly code: LossCode; readonly found: string } | null {
  const { name } = slot
  if (slot.isInvalid) {
    return {
      code: 'SLOT.INVALIDATED',
      found: `Slot "${name}" was invalidated: the server discarded WAL that it still needed.`,
    }
  }
  if (isMoved(host, slot) && !wasTaken) {
    return {
      code: 'SLOT.MISSING',
      found: `Slot "${name}" stands past what this sync has confirmed: somebody moved it or made it again.`,
    }
  }
  if (host.doubt !== null) {
    return { code: host.doubt.code, found: `${host.doubt.found} Slot "${name}" may have skipped changes.` }
  }
  // A standby that took over brings the slots that it kept in step; another was made since, or copied from elsewhere.
  if (host.isPromoted && !(slot.isFailover && slot.isSynced)) {
    return {
      code: 'POSTGRES.HISTORY',
      found: `Another server has taken over, and slot "${name}" there is not the one that the sync was using.`,
    }
  }
  return null
}
