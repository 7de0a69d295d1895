import type { ControlSession } from '../postgres/control-session.ts'
import { isSameDatabase } from '../postgres/resolve-connection.ts'
import { findPublished, takeOut } from '../stores/postgres/check-target.ts'
import type { CheckedOptions } from './options.ts'

/**
 * Looks now and then whether somebody has put a derived table into the sync's publication. Nothing is fed back, since no view
 * reads what it does not know; but each batch would be decoded and sent for nothing, and the next start is refused.
 */
export class LoopWatch {
  readonly #control: ControlSession
  readonly #options: CheckedOptions
  #timer: NodeJS.Timeout | null = null
  #isLooking = false
  #told: ReadonlySet<string> = new Set()

  constructor(control: ControlSession, options: CheckedOptions) {
    this.#control = control
    this.#options = options
  }

  start(): void {
    const { stores, connection, target, watchMs } = this.#options
    if (stores.tables.length === 0 || !isSameDatabase(connection, target)) return
    this.#timer ??= setInterval(() => void this.#look(), watchMs)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const { publication, stores, onEvent } = this.#options
      const found = await findPublished(
        (sql, values) => this.#control.query(sql, values),
        publication,
        stores.tables,
      )
      if (this.#timer === null) return
      for (const published of found) {
        if (this.#told.has(published.table)) continue
        onEvent({
          kind: 'warning',
          code: 'STORE.LOOP',
          message:
            `Publication "${publication}" now holds ${published.table}, which this sync writes: each write is sent back and passed over, ` +
            `and the next start is refused. ${takeOut(published)}`,
        })
      }
      this.#told = new Set(found.map(({ table }) => table))
    } catch {
      // The stream's own session reports a server that is gone.
    } finally {
      this.#isLooking = false
    }
  }
}
