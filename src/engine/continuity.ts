import { maxLsn, parseLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import type { ReplicationSession } from '../replication/replication-session.ts'

/**
 * What a sync remembers of the server's history from session to session, and whether the slot can still have every
 * change: not after the publication was made anew, nor on another server or timeline, nor where the WAL ends before
 * what was already read.
 */
export class Continuity {
  #publicationOid: number | null = null
  /** System identifier and timeline. */
  #history: string | null = null
  #confirmed: Lsn = ZERO_LSN
  #isDoubtful = false
  #hasStreamed = false

  /** Whether the slot may have skipped changes; until another slot is made. */
  get isDoubtful(): boolean {
    return this.#isDoubtful
  }

  /** Whether a stream was ever started, so that the slot must be there. */
  get hasStreamed(): boolean {
    return this.#hasStreamed
  }

  /** How far the slot was ever confirmed. */
  get confirmed(): Lsn {
    return this.#confirmed
  }

  /** The stream has skipped changes, or may have. */
  doubt(): void {
    this.#isDoubtful = true
  }

  noteStreaming(): void {
    this.#hasStreamed = true
  }

  noteConfirmed(position: Lsn): void {
    this.#confirmed = maxLsn(this.#confirmed, position)
  }

  /** A slot that is younger than all doubts. */
  noteNewSlot(): void {
    this.#isDoubtful = false
    this.#confirmed = ZERO_LSN
  }

  /** Compares the publication with the one that was there before. */
  checkPublication(oid: number, isExtended: boolean): void {
    // Kept until a slot is made that is younger: the attempt may fail in between.
    if (this.#publicationOid !== null && (this.#publicationOid !== oid || isExtended)) this.#isDoubtful = true
    this.#publicationOid = oid
  }

  /** Another server, another timeline or a WAL that ends before where we were: what we know is not what the server knows. */
  async checkHistory(session: ReplicationSession, lastEnd: Lsn): Promise<void> {
    const [[system, timeline, end] = []] = await session.query('IDENTIFY_SYSTEM')
    const history = `${system}:${timeline}`
    const isBehind = parseLsn(end ?? '0/0') < lastEnd
    if (this.#history !== null && (this.#history !== history || isBehind)) this.#isDoubtful = true
    this.#history = history
  }
}
