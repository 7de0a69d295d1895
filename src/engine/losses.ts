import { DbsyncError } from '../core/errors.ts'
import type { LossCode } from './open-slot.ts'
import type { CheckedOptions } from './options.ts'

/** What a sync says and does when changes are lost to it. */
export class Losses {
  readonly #options: CheckedOptions

  constructor(options: CheckedOptions) {
    this.#options = options
  }

  /** A temporary slot went with its session; views are read anew. */
  onGap(): void {
    if (!this.#options.consumers.isNeeded) return
    this.#options.onEvent({
      kind: 'warning',
      code: 'SLOT.MISSING',
      message:
        'The temporary slot ended with its session. Handlers, sinks and readers have missed the changes since; a durable slot keeps them.',
    })
  }

  /**
   * Continuity is gone. Views are read anew; consumers would miss changes, so a sync with any stops.
   *
   * Throws: the code, if there are consumers.
   */
  onLost(code: LossCode, found: string, slot: string | null): void {
    if (this.#options.consumers.isNeeded) {
      throw new DbsyncError(
        code,
        `${found} Handlers, sinks and readers have missed the changes since. Bring what they keep up to date, drop the slot if it is ` +
          'still there (SELECT pg_drop_replication_slot), and start again.',
        { details: { slot } },
      )
    }
    this.#options.onEvent({ kind: 'warning', code, message: `${found} The tables are read anew.` })
  }
}
