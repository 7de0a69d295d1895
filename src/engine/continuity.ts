import { DbsyncError } from '../core/errors.ts'
import { maxLsn, parseLsn, ZERO_LSN, type Lsn } from '../core/lsn.ts'
import type { SlotStatus } from '../postgres/slot-status.ts'
import type { ReplicationSession } from '../replication/replication-session.ts'
import type { OpenSlot } from './open-slot.ts'

/** Why a slot may have skipped changes. */
export interface Doubt {
  readonly code: 'PUBLICATION.MISSING' | 'POSTGRES.HISTORY' | 'SLOT.MISSING'
  readonly found: string
}

/**
 * What a sync remembers of the server's history from session to session, and whether the slot can still have every
 * change: not after the publication was made anew, nor on another server or timeline, nor where the WAL ends before
 * what was already read.
 */
export class Continuity {
  #publicationOid: number | null = null
  #system: string | null = null
  #timeline = 0
  #confirmed: Lsn = ZERO_LSN
  #doubt: Doubt | null = null
  #isPromoted = false
  #hasStreamed = false
  #hasStoodBy = false
  #openedPid: number | null = null
  #isHeld = false
  #streamedPid: number | null = null

  /** Why the slot may have skipped changes; until another slot is made. */
  get doubt(): Doubt | null {
    return this.#doubt
  }

  /**
   * Whether a standby has taken over that has all we read: a slot that it kept in step goes on, any other was made by
   * somebody else.
   */
  get isPromoted(): boolean {
    return this.#isPromoted
  }

  /** Whether a stream was ever started, so that the slot must be there. */
  get hasStreamed(): boolean {
    return this.#hasStreamed
  }

  /** The server of the last session. */
  get server(): { readonly system: string; readonly timeline: number } {
    return { system: this.#system ?? '', timeline: this.#timeline }
  }

  /** Where the history of the server left that of another timeline; null if it never was on it. */
  leftAt(session: ReplicationSession, timeline: number): Promise<Lsn | null> {
    return leftAt(session, timeline, this.#timeline)
  }

  /**
   * Whether the configuration is known to be good: a stream was started, or only another instance's use of the slot kept it
   * from being started.
   */
  get isProven(): boolean {
    return this.#hasStreamed || this.#hasStoodBy
  }

  /** The server's process of the last stream; null before the first. */
  get streamedPid(): number | null {
    return this.#streamedPid
  }

  /** How far the slot was ever confirmed. */
  get confirmed(): Lsn {
    return this.#confirmed
  }

  /** The stream has skipped changes, or may have, because the publication is not the one it was. */
  doubtPublication(): void {
    this.#doubt ??= { code: 'PUBLICATION.MISSING', found: 'The publication was changed or made anew.' }
  }

  /** Another instance uses the slot; this one waits for it. */
  noteStandby(): void {
    this.#hasStoodBy = true
  }

  /** A session was opened, to be streamed from. */
  noteSession(pid: number): void {
    this.#openedPid = pid
    this.#isHeld = false
  }

  /** Whether the session has the slot as it was found; before, nothing is confirmed, which would hide that somebody moved it. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  noteStreaming(): void {
    this.#hasStreamed = true
    this.#streamedPid = this.#openedPid
  }

  noteConfirmed(position: Lsn): void {
    this.#confirmed = maxLsn(this.#confirmed, position)
  }

  /** A slot that is younger than all doubts, and where it stands. */
  noteNewSlot(start: Lsn): void {
    this.#doubt = null
    this.#isPromoted = false
    this.#confirmed = start
  }

  /** Compares the publication with the one that was there before. */
  checkPublication(oid: number, isExtended: boolean): void {
    // Kept until a slot is made that is younger: the attempt may fail in between.
    if (this.#publicationOid !== null && (this.#publicationOid !== oid || isExtended)) this.doubtPublication()
    this.#publicationOid = oid
  }

  /** The slot was found good; what came before it is settled, and where it stands is not for us to wonder at later. */
  noteKeptSlot(start: Lsn): void {
    this.#isPromoted = false
    this.noteConfirmed(start)
  }

  /**
   * A slot that the sync streams from now. Until then everybody may move it on, and the server begins a stream behind what was skipped
   * without a word. Throws: POSTGRES.CONNECTION_LOST; the next session finds the doubt.
   */
  checkHeld({ name, isNew }: Pick<OpenSlot, 'name' | 'isNew'>, status: SlotStatus | null): void {
    const position = status?.confirmedFlush ?? null
    this.#isHeld = isNew || !this.#hasStreamed || position === null || parseLsn(position) <= this.#confirmed
    if (this.#isHeld) return
    const found = `Slot "${name}" was moved on by somebody while the sync was connecting.`
    this.#doubt ??= { code: 'SLOT.MISSING', found }
    throw new DbsyncError(
      'POSTGRES.CONNECTION_LOST',
      `${found} Whether that can be made good is seen at the next connection.`,
    )
  }

  /**
   * Another server, another timeline or a WAL that ends before where we were: what we know is not what the server knows.
   * A standby that took over after it had all we read is no reason for doubt; `true` then, since positions beyond
   * `lastEnd` are those of another history.
   */
  async checkHistory(session: ReplicationSession, lastEnd: Lsn): Promise<boolean> {
    const [[system = '', timelineText, end] = []] = await session.query('IDENTIFY_SYSTEM')
    const timeline = Number(timelineText)
    const [formerSystem, formerTimeline] = [this.#system, this.#timeline]
    this.#system = system
    this.#timeline = timeline
    if (formerSystem === null) return false
    if (formerSystem !== system) {
      this.#doubtHistory('The server is not the one it was.')
    } else if (parseLsn(end ?? '0/0') < lastEnd) {
      this.#doubtHistory('The server has less WAL than was read before, as after a restore.')
    } else if (formerTimeline !== timeline) {
      const left = await leftAt(session, formerTimeline, timeline)
      if (left === null || left < lastEnd) {
        this.#doubtHistory('The server has another history than what was read, as after a failover.')
      } else {
        this.#isPromoted = true
        return true
      }
    }
    return false
  }

  #doubtHistory(found: string): void {
    this.#doubt ??= { code: 'POSTGRES.HISTORY', found }
  }
}

/** Where the history of timeline `to` left the timeline `from`; null if it never was on it. */
async function leftAt(session: ReplicationSession, from: number, to: number): Promise<Lsn | null> {
  if (to <= 1) return null
  const [[, content] = []] = await session.query(`TIMELINE_HISTORY ${to}`)
  for (const line of (content ?? '').split('\n')) {
    const [timeline, position] = line.trim().split(/\s+/)
    if (Number(timeline) === from && position !== undefined) return parseLsn(position)
  }
  return null
}
