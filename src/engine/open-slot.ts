import { randomBytes } from 'node:crypto'
import { sleep } from '../core/backoff.ts'
import { DbsyncError, type ErrorCode } from '../core/errors.ts'
import { parseLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { describeBlockers, readSlot, readSlotSettings } from '../postgres/slot-status.ts'
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
  /** Where a new slot's stream begins. */
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
  readonly signal: AbortSignal
  /** A durable slot is about to be made. */
  onNewSlot(name: string): Promise<void>
  onWait(reason: string): void
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
  if (durable && (await reuseSlot(host, name))) return { name, isNew: false, start: ZERO_LSN, anchor: null }
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
  return { name, isNew: true, start: created.consistentPoint, anchor }
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

/** Whether the durable slot is there and good; waits while another session uses it. */
async function reuseSlot(host: SlotHost, name: string): Promise<boolean> {
  const startMs = performance.now()
  let told = 0
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
    // A standby that took over brings the slots that it kept in step; another was made since, or copied from elsewhere.
    const isForeign = host.isPromoted && !(slot.isFailover && slot.isSynced)
    if (slot.isInvalid || host.doubt !== null || isForeign || isMoved) {
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
      else if (host.doubt !== null)
        host.onLost(host.doubt.code, `${host.doubt.found} Slot "${name}" may have skipped changes.`)
      else
        host.onLost(
          'POSTGRES.HISTORY',
          `Another server has taken over, and slot "${name}" there is not the one that the sync was using.`,
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
    // An instance that stands by for days says so now and then.
    if (performance.now() - startMs >= told * TELL_AGAIN_MS) {
      host.onWait(`slot "${name}", which backend ${slot.activePid} is using`)
      told += 1
    }
    await sleep(Math.min(250, Math.max(1, host.options.slot.waitMs)), host.signal)
  }
}
