import type { DbsyncError, ErrorCode } from '../core/errors.ts'
import { modelOf } from '../contract/lookup.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import type { Preflight, TableNeed } from '../postgres/preflight.ts'
import { ReplicationSession } from '../replication/replication-session.ts'
import type { ViewNetwork } from '../views/compile/view-network.ts'
import type { Lsn } from '../core/lsn.ts'
import { checkDatabase, readEstimates, tableNeeds, warnOfDrift } from './check-database.ts'
import type { Continuity } from './continuity.ts'
import { openSlot, type LossCode, type OpenSlot } from './open-slot.ts'
import type { CheckedOptions } from './options.ts'

/** What opening a stream needs of the sync. */
export interface OpenStreamHost {
  readonly control: ControlSession
  readonly options: CheckedOptions
  readonly continuity: Continuity
  readonly signal: AbortSignal
  /** The end of the last transaction that was delivered. */
  readonly lastEnd: Lsn
  /** Whether the views have been live before. */
  readonly wasLive: boolean
  /** The session is there; from now on it is the sync's to close. */
  onSession(session: ReplicationSession): void
  /** A durable slot is about to be made. */
  onNewSlot(name: string): Promise<void>
  onWait(reason: string): void
  onWarning(code: ErrorCode, message: string): void
  /** Another server has taken over, with all that was delivered; positions beyond that are not its own. */
  onPromoted(): void
  /** A temporary slot went with its session; what came since is in no stream. */
  onGap(): void
  /** Continuity is gone; throws unless everything can be read anew. */
  onLost(code: LossCode, found: string): void
}

/** A walsender session with its slot, ready to be started, and what was found on the way. */
export interface OpenedStream {
  readonly session: ReplicationSession
  readonly slot: OpenSlot
  readonly checked: Preflight
  /** The planner's estimates of rows, by model. */
  readonly estimates: ReadonlyMap<string, number>
  /** The models that consumers want, by relation oid. */
  readonly consumed: ReadonlyMap<number, ModelContract>
  readonly needs: readonly TableNeed[]
  /** By model: tables that cannot be followed any more. */
  readonly broken: ReadonlyMap<string, DbsyncError>
}

/** Checks the database, connects, and finds or makes the slot. Throws: POSTGRES.*, CONTRACT.*, PUBLICATION.*, SLOT.*. */
export async function openStream(host: OpenStreamHost, compiled: ViewNetwork): Promise<OpenedStream> {
  const { control, options, continuity, signal } = host
  const needs = tableNeeds(options, compiled)
  const { checked, oid, isExtended, broken } = await checkDatabase(host, needs)
  if (!host.wasLive) await warnOfDrift(host, needs, checked)
  continuity.checkPublication(oid, isExtended)
  const consumed = new Map<number, ModelContract>()
  for (const model of options.consumers.models) {
    const table = checked.tables.get(model)
    if (table !== undefined) consumed.set(table.oid, modelOf(options.schema, model))
  }
  const session = await ReplicationSession.connect(options.connection)
  host.onSession(session)
  continuity.noteSession(session.backendPid)
  signal.throwIfAborted()
  const isPromoted = await continuity.checkHistory(session, host.lastEnd)
  if (isPromoted) host.onPromoted()
  const slot = await openSlot(
    {
      control,
      options,
      // A slot that this sync has streamed from must not vanish unnoticed.
      isExpected: continuity.hasStreamed,
      doubt: continuity.doubt,
      isPromoted: continuity.isPromoted,
      confirmed: continuity.confirmed,
      streamedPid: continuity.streamedPid,
      signal,
      onNewSlot: (name) => host.onNewSlot(name),
      onWait: (reason) => host.onWait(reason),
      onStandby: () => continuity.noteStandby(),
      onWarning: (code, message) => host.onWarning(code, message),
      onLost: (code, found) => host.onLost(code, found),
      onGap: () => host.onGap(),
    },
    session,
  )
  if (slot.isNew) continuity.noteNewSlot(slot.start)
  else continuity.noteKeptSlot(slot.start)
  const estimates = await readEstimates(control, checked)
  return { session, slot, checked, estimates, consumed, needs, broken }
}
