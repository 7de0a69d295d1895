import { Steps, type ConfirmRule, type Session, type Space, type State, type WalEntry } from './steps.ts'

/**
 * One way in which everything can go, as far as anybody can tell: `table` is the truth at the end. If `isEarly` a chunk was
 * read before the shipped code would have read it: who reads on must get into trouble somewhere.
 */
export type Outcome = Pick<State, 'wal' | 'slotStart' | 'sessions' | 'table' | 'isEarly'>

/** How much there was. */
export interface Explored {
  /** Different sequences of steps. */
  readonly behaviours: number
  /** Those in which no chunk is read too early. */
  readonly allowed: number
  /** Behaviours that nobody could tell apart count once. */
  readonly outcomes: number
}

type Counts = readonly [behaviours: number, allowed: number]

/**
 * Visits every outcome once, and counts the behaviours that lead to them.
 *
 * Any step that can be taken may be next: a transaction writes, its commit reaches the WAL, it becomes visible; the slot is
 * made; a chunk is read, its watermark reaches the WAL; an entry is delivered, what is settled is confirmed, the session
 * ends and the next begins. In the last session nobody looks at what has been delivered yet, so there it is no step.
 */
export function explore(space: Space, confirm: ConfirmRule, visit: (outcome: Outcome) => void): Explored {
  const steps = new Steps(space, confirm)
  let outcomes = 0
  /** One part of the space after the other, by the first write, which keeps few states in memory. */
  const part = (first: State): Counts => {
    const known = new Map<string, Counts>()
    const count = (state: State): Counts => {
      const name = nameOf(state)
      const found = known.get(name)
      if (found !== undefined) return found
      const next = steps.ofConsumer(state)
      if (state.executed.length > 0) next.push(...steps.ofServer(state))
      else {
        const { executed, stages, table } = first
        next.push({ ...state, executed, stages, table })
      }
      const result = next.length === 0 ? end(state) : sum(next.map(count))
      known.set(name, result)
      return result
    }
    return count(steps.initial)
  }
  const end = ({ wal, slotStart, sessions, table, isEarly }: State): Counts => {
    outcomes += 1
    visit({ wal, slotStart, sessions, table, isEarly })
    return [1, isEarly ? 0 : 1]
  }
  const [behaviours, allowed] = sum(steps.writes(steps.initial).map(part))
  return { behaviours, allowed, outcomes }
}

function sum(counts: readonly Counts[]): Counts {
  let [behaviours, allowed] = [0, 0]
  for (const [more, moreAllowed] of counts) {
    behaviours += more
    allowed += moreAllowed
  }
  return [behaviours, allowed]
}

function nameOf({ stages, executed, wal, slotStart, isUp, delivered, isEarly, sessions }: State): string {
  let name = `${slotStart}${isUp ? 'u' : 'd'}${delivered}${isEarly ? '!' : ''}`
  for (const stage of stages) name += stage
  for (const transaction of executed) name += `.${transaction.name}`
  name += `|${walName(wal)}`
  for (const session of sessions) name += `|${sessionName(session)}`
  return name
}

/** One text for a part of the WAL: different for different entries. */
export function walName(wal: readonly WalEntry[]): string {
  let name = ''
  for (const entry of wal) {
    name += entry.kind === 'commit' ? `.${entry.transaction.name}` : `.w${entry.session}${entry.chunk}`
  }
  return name
}

/** One text for what of a session still matters. */
export function sessionName({ confirmed, writers, steps, chunks }: Session): string {
  let name = `${writers.join()} ${chunks} `
  if (confirmed !== null) name += `=${confirmed.shipped}/${confirmed.applied}`
  for (const step of steps) {
    if (step.kind === 'deliver') name += 'd'
    else if (step.kind === 'confirm') name += `p${step.snapshot.text}`
    else name += `c${step.at}@${step.snapshot.text}`
  }
  return name
}
