import { isDbsyncError, type DbsyncError } from '../core/errors.ts'
import { parseLsn, type Lsn } from '../core/lsn.ts'
import type { Fingerprints } from '../postgres/fingerprint.ts'
import type { TableNeed } from '../postgres/preflight.ts'
import type { SlotStatus } from '../postgres/slot-status.ts'
import { readPosition } from '../state/position-file.ts'
import { fileId, readState, type SavedState } from '../state/state-file.ts'
import { misfitOf, type StateIdentity } from '../state/state-identity.ts'
import { unusable } from '../state/state-items.ts'
import { compareFingerprints } from './drift.ts'
import { statePaths } from './state-saver.ts'

/** A state that was read, and what tells its file from another. */
interface Read {
  readonly saved: SavedState | DbsyncError | null
  readonly file: string | null
}

/** A state that fits the sync, whatever the server says. */
export interface LoadedState {
  readonly saved: SavedState
  /** What it holds everything before. */
  readonly position: Lsn
  /** Of {@link fileId}. */
  readonly file: string | null
}

/** What a state is compared with. */
export interface ServerNow {
  readonly system: string
  readonly timeline: number
  /** The end of the WAL. */
  readonly end: Lsn
  /** Where the server's history left that of another timeline; null if it never was on it. */
  leftAt(timeline: number): Promise<Lsn | null>
  readonly slot: SlotStatus | null
  readonly needs: readonly TableNeed[]
  readonly catalog: Fingerprints
}

/** Reads the state that an earlier process has left. */
export class StateLoader {
  readonly #paths: ReturnType<typeof statePaths>
  readonly #identity: () => StateIdentity
  #reading: Promise<Read>

  /** Begins to read, so that it is there when the server has answered. */
  constructor(folder: string, slot: string, identity: () => StateIdentity) {
    this.#paths = statePaths(folder, slot)
    this.#identity = identity
    this.#reading = this.#read()
  }

  /** For messages. */
  get path(): string {
    return this.#paths.state
  }

  /** The state, if it is of this sync; null if there is none. Call it once the slot is ours. Throws: STATE.UNUSABLE. */
  async load(): Promise<LoadedState | null> {
    let { saved, file } = await this.#reading
    // Another process may have written it while the slot was waited for.
    if (file !== (await fileId(this.#paths.state))) {
      this.#reading = this.#read()
      ;({ saved, file } = await this.#reading)
    }
    if (saved === null) return null
    if (isDbsyncError(saved)) throw saved
    const misfit = misfitOf(saved.identity, this.#identity())
    if (misfit !== null) throw unusable(this.#paths.state, misfit)
    const own = parseLsn(saved.origin.position)
    const noted = await readPosition(this.#paths.position, saved.origin.id)
    return { saved, file, position: noted !== null && noted > own ? noted : own }
  }

  async #read(): Promise<Read> {
    const file = await fileId(this.#paths.state)
    try {
      return { saved: await readState(this.#paths.state), file }
    } catch (error) {
      if (!isDbsyncError(error)) throw error
      return { saved: error, file }
    }
  }
}

/** Why the WAL that the slot still has does not lead on from a state, as the end of a sentence; null if it does. */
export async function gapOf({ saved, position }: LoadedState, now: ServerNow): Promise<string | null> {
  const { origin } = saved
  const { slot } = now
  if (origin.system !== now.system) return 'it is of another server'
  if (slot === null || slot.isInvalid) return 'the slot is not there any more'
  if (now.end < position) return 'the server has less WAL than was read, as after a restore'
  if (origin.timeline !== now.timeline) {
    const left = await now.leftAt(origin.timeline)
    if (left === null || left < position)
      return 'the server has another history than what was read, as after a failover'
    if (!slot.isFailover || !slot.isSynced)
      return 'another server has taken over, and the slot there is another one'
  }
  if (hasPassed(slot, position)) return 'the slot stands past it, so the changes in between are gone'
  return driftOf(origin.catalog, now)
}

/** Whether the slot has let go of changes that come after a position. */
export function hasPassed({ confirmedFlush }: SlotStatus, position: Lsn): boolean {
  return confirmedFlush === null || parseLsn(confirmedFlush) > position
}

function driftOf(catalog: unknown, { needs, catalog: now }: ServerNow): string | null {
  const before = fingerprintsOf(catalog)
  const { isLost, tables } = compareFingerprints(needs, before, now)
  if (isLost) return 'the publication was altered or made anew'
  for (const { model } of needs) {
    const verdict = tables.get(model.model)
    if (verdict?.kind === 'same' || verdict?.kind === 'check') continue
    const why =
      verdict === undefined ? 'it was not read' : 'reason' in verdict ? verdict.reason : 'it is gone'
    return `table "${model.table}": ${why}`
  }
  return null
}

/** Fingerprints as they can be saved. */
export function savedFingerprints({ publication, tables }: Fingerprints): unknown {
  return { publication, tables: [...tables] }
}

function fingerprintsOf(saved: unknown): Fingerprints {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the function above wrote it, and its checksum is right
  const { publication, tables } = saved as {
    publication: Fingerprints['publication']
    tables: ConstructorParameters<typeof Map<string, never>>[0]
  }
  return { publication, tables: new Map(tables) }
}
