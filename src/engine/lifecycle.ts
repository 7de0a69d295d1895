import { DbsyncError } from '../core/errors.ts'
import { Deferred } from './deferred.ts'
import type { SyncState } from './sync-event.ts'

/** Where a sync stands, and the promise of its being live, which is another one after each time that it was. */
export class Lifecycle {
  readonly #onState: (state: SyncState) => void
  #state: SyncState = 'created'
  #live = new Deferred()

  constructor(onState: (state: SyncState) => void) {
    this.#onState = onState
  }

  get state(): SyncState {
    return this.#state
  }

  get isLive(): boolean {
    return this.#state === 'live'
  }

  /** Resolves when the sync is live. Throws: what ended it. */
  get live(): Promise<void> {
    return this.#live.promise
  }

  /** Throws: SYNC.STATE for a sync that was started. */
  begin(): void {
    if (this.#state !== 'created') {
      throw new DbsyncError(
        'SYNC.STATE',
        `start() was called on a sync that is ${this.#state}; make a new one with createSync.`,
      )
    }
    this.set('connecting')
  }

  /** As {@link live}. Throws: SYNC.STATE before the start. */
  ready(): Promise<void> {
    if (this.#state !== 'created') return this.live
    return Promise.reject(new DbsyncError('SYNC.STATE', 'ready() was called before start().'))
  }

  set(state: SyncState): void {
    if (this.#state === state) return
    // A session may be lost while what waits is written.
    if (this.#state === 'closing' && state !== 'closed' && state !== 'failed') return
    this.#state = state
    this.#onState(state)
  }

  goLive(): void {
    this.set('live')
    this.#live.resolve()
  }

  /** Live no more, for a while. */
  leave(state: 'hydrating' | 'reconnecting'): void {
    if (this.isLive) this.#live = new Deferred()
    this.set(state)
  }

  /** Over: whoever waits, or will, is told why. */
  end(state: 'closed' | 'failed', reason: DbsyncError): void {
    this.#live.reject(reason)
    this.#live = new Deferred()
    this.#live.reject(reason)
    this.set(state)
  }
}
