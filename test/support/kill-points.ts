import type { TapLink, TapMessage } from './tap.ts'

/** When a process dies: before the message is passed on, right after (its peer still gets it), or a moment later. */
export type Death = 'before' | 'after' | 'soon'

/** A place between the arrival of a change and its confirmation. */
export interface KillPoint {
  readonly name: string
  /** Whether it lies in the writing of all rows, at the start, or of what changes then. */
  readonly at: 'start' | 'changes'
  readonly link: 'dbsync store' | 'dbsync replication'
  /** For a new process: whether the message is the place. */
  arm(): (message: TapMessage, link: TapLink) => Death | null
}

/** Opens the transaction of a batch. */
export const isBegin = (sql: string): boolean => sql.startsWith('BEGIN') && sql.includes('FOR UPDATE')
/** Writes rows of a derived table. */
export const isRows = (sql: string): boolean => /(?:INSERT INTO|DELETE FROM) "?derived"?\./.test(sql)
/** Moves the checkpoint. */
export const isMove = (sql: string): boolean => sql.includes('UPDATE dbsync.checkpoint SET lsn')
const isClaim = (sql: string): boolean => sql.startsWith('INSERT INTO dbsync.checkpoint AS c')
/** Ends a transaction. */
export const isCommit = (sql: string): boolean => sql === 'COMMIT'

/** The nth message of a kind that is about such SQL. */
function statement(
  name: string,
  at: KillPoint['at'],
  when: Death,
  { types, isIt, nth = 1 }: { types: string; isIt: (sql: string) => boolean; nth?: number },
): KillPoint {
  // What the client sends and what the server answers: E is an Execute or an ErrorResponse, C a CommandComplete or a Close.
  const from = types.startsWith('<') ? 'server' : 'client'
  return {
    name,
    at,
    link: 'dbsync store',
    arm: () => {
      let count = 0
      return (message) => {
        if (message.from !== from || !types.includes(message.type) || !isIt(message.sql)) return null
        count += 1
        return count === nth ? when : null
      }
    },
  }
}

function received(name: string, when: Death): KillPoint {
  return {
    name,
    at: 'changes',
    link: 'dbsync replication',
    arm:
      () =>
      ({ from, type, body }) =>
        from === 'server' && type === 'd' && body[0] === 'w'.charCodeAt(0) ? when : null,
  }
}

function confirmed(name: string, when: Death): KillPoint {
  return {
    name,
    at: 'changes',
    link: 'dbsync replication',
    arm: () => {
      let known: bigint | null = null
      return ({ from, type, body }) => {
        if (from !== 'client' || type !== 'd' || body[0] !== 'r'.charCodeAt(0)) return null
        const flushed = body.readBigUInt64BE(9)
        known ??= flushed
        return flushed > known ? when : null
      }
    },
  }
}

const SENT = 'QE'
const DONE = '<C'
const ANSWERED = '<Z'

/** All places, in the order of a start and then of a change. */
export const KILL_POINTS: readonly KillPoint[] = [
  statement('when the target is checked', 'start', 'before', { types: SENT, isIt: isClaim }),
  statement('before the claim', 'start', 'before', { types: SENT, isIt: isClaim, nth: 2 }),
  statement('when the claim is committed', 'start', 'before', { types: DONE, isIt: isCommit }),
  statement('before BEGIN of all rows', 'start', 'before', { types: SENT, isIt: isBegin }),
  statement('between the rows of two views', 'start', 'before', { types: SENT, isIt: isRows, nth: 2 }),
  statement('when COMMIT of all rows is sent', 'start', 'after', { types: SENT, isIt: isCommit, nth: 2 }),
  statement('when COMMIT of all rows is done', 'start', 'before', { types: DONE, isIt: isCommit, nth: 2 }),
  received('before a change is received', 'before'),
  received('when a change is received', 'soon'),
  statement('before BEGIN', 'changes', 'before', { types: SENT, isIt: isBegin }),
  statement('after BEGIN', 'changes', 'before', { types: ANSWERED, isIt: isBegin }),
  statement('before the first statement', 'changes', 'before', { types: SENT, isIt: isRows }),
  statement('when the first statement is sent', 'changes', 'after', { types: SENT, isIt: isRows }),
  statement('before the second statement', 'changes', 'before', { types: SENT, isIt: isRows, nth: 2 }),
  statement('before the checkpoint', 'changes', 'before', { types: SENT, isIt: isMove }),
  statement('after the checkpoint', 'changes', 'before', { types: DONE, isIt: isMove }),
  statement('before COMMIT', 'changes', 'before', { types: SENT, isIt: isCommit }),
  statement('when COMMIT is sent', 'changes', 'after', { types: SENT, isIt: isCommit }),
  statement('when COMMIT is done', 'changes', 'before', { types: DONE, isIt: isCommit }),
  statement('when COMMIT is answered', 'changes', 'soon', { types: ANSWERED, isIt: isCommit }),
  confirmed('before a position is confirmed', 'before'),
  confirmed('when a position is confirmed', 'after'),
]
