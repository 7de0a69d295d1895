import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { DbsyncError, isDbsyncError, toDbsyncError, type ErrorCode } from '../core/errors.ts'
import { formatLsn, type Lsn } from '../core/lsn.ts'
import { removePosition, writePosition } from '../state/position-file.ts'
import { StateCapture } from '../state/state-capture.ts'
import { fileId, removeLeftovers, writeState } from '../state/state-file.ts'
import type { StateIdentity, StateOrigin } from '../state/state-identity.ts'
import type { ViewNetwork } from '../views/compile/view-network.ts'
import type { SyncEvent } from './sync-event.ts'

/** The views at a moment at which nothing of the stream is half shown. */
export interface StateMoment {
  readonly network: ViewNetwork
  /** Everything before it is in the network, and nothing after. */
  readonly position: Lsn
  /** Another number whenever something in the network may have changed. */
  readonly version: number
  readonly identity: StateIdentity
  readonly origin: Pick<StateOrigin, 'system' | 'timeline' | 'catalog' | 'stores'>
}

/** What saving needs of the sync. */
export interface StateSaverHost {
  readonly folder: string
  readonly slot: string
  readonly everyMs: number
  /** Brings the views up to date; null while they are not exact, or half of a transaction is in them. */
  moment(): StateMoment | null
  /** What may be confirmed has moved on. */
  onSaved(): void
  onEvent(event: SyncEvent): void
}

/** Where the state of a slot's sync lies, and the note of its position. */
export function statePaths(
  folder: string,
  slot: string,
): { readonly state: string; readonly position: string } {
  return { state: join(folder, `${slot}.state`), position: join(folder, `${slot}.position`) }
}

/** Memory that is made in one synchronous block. */
const WARM_BYTES = 1024 * 1024
/** What the state may grow by while memory for it is made, without the copying getting slower. */
const SPARE = 1.05
const MOMENT_RETRY_MS = 5
const MOMENT_RETRIES = 100

/**
 * Saves the views' state now and then, so that a sync that comes back needs the WAL since then and no table.
 *
 * The stream waits for one copy from memory to memory, since a state is that of one position: some 6 ms for 100 MB, into memory
 * that was made ready before in small steps. Writing, summing and syncing go on beside it.
 * Order: what is confirmed to the slot must not be past {@link limit}: from the copying on it is the position of the older of the two states, until the new one is safe.
 */
export class StateSaver {
  readonly #host: StateSaverHost
  readonly #paths: ReturnType<typeof statePaths>
  #timer: NodeJS.Timeout | null = null
  #saving: Promise<void> | null = null
  #limit: Lsn | null = null
  #version = -1
  #id: string | null = null
  /** What stands under the name: null nothing, undefined: not looked yet. */
  #known: string | null | undefined = undefined
  #isPrepared = false
  #isOver = false

  constructor(host: StateSaverHost) {
    this.#host = host
    this.#paths = statePaths(host.folder, host.slot)
  }

  /** No confirmation may go past it; null: there is no state that a later one would make useless. */
  get limit(): Lsn | null {
    return this.#limit
  }

  /** The views are those of a state that was loaded. `known`: of {@link fileId}. */
  resume(id: string, position: Lsn, version: number, known: string | null): void {
    this.#id = id
    this.#limit = position
    this.#version = version
    this.#known = known
  }

  /** Saves from now on, every so often. */
  start(): void {
    if (this.#timer !== null || this.#isOver) return
    this.#timer = setInterval(() => void this.save(), this.#host.everyMs).unref()
  }

  /** Saves for the last time, if `isWanted`, and lets go. Never throws. */
  async close(isWanted: boolean): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await this.#saving
    if (isWanted) await this.save()
    this.#isOver = true
  }

  /** Saves now, unless nothing has changed; resolves when it is done. Never throws: what fails is told, and tried again later. */
  save(): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    this.#saving ??= this.#save()
      .catch((error: unknown) => this.#giveUp(error))
      .finally(() => {
        this.#saving = null
      })
    return this.#saving
  }

  async #save(): Promise<void> {
    const startMs = performance.now()
    const first = await this.#moment()
    if (first === null) return
    if (!first.network.isSound) {
      // It would come back without what made it stop. Nothing is kept for it at the server either.
      if (this.#limit !== null) await this.#forget()
      return
    }
    if (first.version === this.#version && this.#id !== null) {
      await this.#movePosition(this.#id, first.position)
      return
    }
    await this.#prepare()
    const memory = await makeWarm(Math.ceil(captureOf(first.network).byteLength * SPARE))
    const moment = await this.#moment()
    if (moment === null || !moment.network.isSound) return
    const pauseStartMs = performance.now()
    const capture = captureOf(moment.network)
    const bytes = capture.byteLength <= memory.length ? memory : Buffer.allocUnsafeSlow(capture.byteLength)
    capture.copyInto(bytes)
    const pauseMs = performance.now() - pauseStartMs
    const { position } = moment
    this.#limit ??= position
    const origin = { ...moment.origin, id: randomUUID(), position: formatLsn(position) }
    await this.#requireAlone()
    await writeState(this.#paths.state, { identity: moment.identity, origin, items: capture.items, bytes })
    this.#known = await fileId(this.#paths.state)
    this.#id = origin.id
    this.#limit = position
    this.#version = moment.version
    this.#host.onSaved()
    const ms = performance.now() - startMs
    this.#host.onEvent({ kind: 'checkpoint-saved', position, bytes: capture.byteLength, ms, pauseMs })
  }

  /** Waits for a moment between two transactions; null if none comes soon. */
  async #moment(): Promise<StateMoment | null> {
    for (let retry = 0; retry < MOMENT_RETRIES; retry += 1) {
      const moment = this.#host.moment()
      if (moment !== null) return moment
      await new Promise((done) => setTimeout(done, MOMENT_RETRY_MS))
    }
    return null
  }

  async #movePosition(id: string, position: Lsn): Promise<void> {
    if (this.#limit !== null && position <= this.#limit) return
    await writePosition(this.#paths.position, id, position)
    this.#limit = position
    this.#host.onSaved()
  }

  async #prepare(): Promise<void> {
    if (!this.#isPrepared) {
      await mkdir(dirname(this.#paths.state), { recursive: true })
      await removeLeftovers(this.#paths.state)
      await removeLeftovers(this.#paths.position)
      this.#isPrepared = true
    }
    if (this.#known === undefined) this.#known = await fileId(this.#paths.state)
  }

  /** The slot keeps two processes apart; one that has lost it and does not know yet must not write over the other's state. */
  async #requireAlone(): Promise<void> {
    if ((await fileId(this.#paths.state)) === this.#known) return
    throw new DbsyncError('STATE.UNUSABLE', 'another process has written it meanwhile')
  }

  /** The server must not keep WAL for a state that cannot be written: what there is is given up, but not what is another's. */
  async #giveUp(error: unknown): Promise<void> {
    if (isDbsyncError(error, 'STATE.UNUSABLE')) {
      this.#limit = null
      this.#known = undefined
    } else await this.#forget().catch(() => {})
    this.#warn(
      'STATE.UNUSABLE',
      `The state of the views could not be saved to ${this.#paths.state} (${reasonOf(error)}). It is tried again; a sync that comes ` +
        'back before that reads all tables anew. See that the folder can be written, has room, and is used by one sync.',
    )
  }

  async #forget(): Promise<void> {
    this.#limit = null
    this.#id = null
    this.#version = -1
    this.#known = null
    await rm(this.#paths.state, { force: true })
    await removePosition(this.#paths.position)
    this.#host.onSaved()
  }

  #warn(code: ErrorCode, message: string): void {
    this.#host.onEvent({ kind: 'warning', code, message })
  }
}

function captureOf(network: ViewNetwork): StateCapture {
  const capture = new StateCapture()
  network.carryTexts(capture)
  network.carry(capture)
  return capture
}

/** Memory whose pages are there: made one after the other, with turns for others between. */
async function makeWarm(bytes: number): Promise<Uint8Array> {
  const memory = Buffer.allocUnsafeSlow(bytes)
  for (let at = 0; at < bytes; at += WARM_BYTES) {
    memory.fill(0, at, Math.min(bytes, at + WARM_BYTES))
    await turn()
  }
  return memory
}

/** What the file system says, as a code; what it does not say is a bug. */
function reasonOf(error: unknown): string {
  if (isDbsyncError(error)) return error.message
  return error instanceof Error && 'code' in error ? String(error.code) : toDbsyncError(error).message
}
