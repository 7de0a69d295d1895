import { Consumer, type Pace, type Ranges } from './consumer.ts'
import { explore, sessionName, walName, type Explored, type Outcome } from './explore.ts'
import type { MergeRule } from './flaws.ts'
import { numberOf, textOf } from './server-model.ts'
import type { Space } from './steps.ts'

/**
 * A consumer: how it merges, what it confirms before it crashes, and which outcomes can happen to it.
 *
 * `waits`: whether it reads no chunk before a new slot's anchor is visible, nor, having found the slot, before the
 * writers of that moment are.
 */
interface Variant {
  readonly rule: MergeRule
  readonly confirms: 'shipped' | 'applied'
  readonly waits: boolean
  /** Which outcomes it is held against; all if left out. */
  readonly where?: (outcome: Outcome) => boolean
}

const hasRestarted = ({ sessions }: Outcome): boolean => sessions.length > 1
/** The slot was made before any transaction's commit reached the WAL. */
const isSlotOlder = ({ slotStart }: Outcome): boolean => slotStart === 0

/** Consumers that must be right everywhere. */
const SOUND = {
  shipped: { rule: 'shipped', confirms: 'shipped', waits: true },
  /** For a commit that comes after the slot was made either remedy is enough. */
  'settled alone': {
    rule: 'shipped',
    confirms: 'shipped',
    waits: false,
    where: (outcome) => hasRestarted(outcome) && isSlotOlder(outcome),
  },
  'waiting alone': { rule: 'shipped', confirms: 'applied', waits: true, where: hasRestarted },
} as const satisfies Readonly<Record<string, Variant>>

/** Consumers that must go wrong somewhere. */
const MUTANTS = {
  /** Chunk rows win unless their key had an event between the low and the high watermark. */
  textbook: { rule: 'textbook', confirms: 'shipped', waits: true },
  /** What the chunk's snapshot does not see is not applied once more. */
  'no fold': { rule: 'no fold', confirms: 'shipped', waits: true },
  /** Only the snapshot's list of running transactions counts. */
  'list alone': { rule: 'list alone', confirms: 'shipped', waits: true },
  /** Only the snapshot's xmax counts. */
  'xmax alone': { rule: 'xmax alone', confirms: 'shipped', waits: true },
  /** Chunks are read at once, though a commit from before the slot may be invisible still. */
  'no barrier': {
    rule: 'shipped',
    confirms: 'shipped',
    waits: false,
    where: (outcome) => !isSlotOlder(outcome),
  },
  /** What is applied is confirmed, visible or not; after the crash chunks are read at once. */
  'confirm before settled': {
    rule: 'shipped',
    confirms: 'applied',
    waits: false,
    where: (outcome) => hasRestarted(outcome) && isSlotOlder(outcome),
  },
} as const satisfies Readonly<Record<string, Variant>>

type Name = keyof typeof SOUND | keyof typeof MUTANTS
const isName = (name: string): name is Name => name in SOUND || name in MUTANTS
const CONSUMERS: Readonly<Record<Name, Variant>> = { ...SOUND, ...MUTANTS }
const NAMES = Object.keys(CONSUMERS).filter(isName)

/** Consumers that must be right everywhere. */
export const SOUND_NAMES = NAMES.filter((name) => name in SOUND)
/** Consumers that must go wrong somewhere. */
export const MUTANT_NAMES = NAMES.filter((name) => name in MUTANTS)

/** What an exploration has found. */
export interface Verdict extends Explored {
  /** Runs of the shipped code over WAL and chunks; equal ones are done once. */
  readonly runs: number
  /** How many outcomes end with other rows than the server's. */
  readonly wrong: Readonly<Record<Name, number>>
  /** The first few of them for consumers that must be right. */
  readonly reports: readonly string[]
}

const AT_ONCE: Pace = { isEager: true, delay: 0 }

/** Explores a space once and holds every consumer against each of its outcomes. */
export function checkSpace(space: Space, ranges: Ranges, identity: 'd' | 'f' = 'd'): Verdict {
  const consumer = new Consumer(identity, ranges)
  const survives = space.ending === 'lost stream'
  const known = new Map<string, string | null>()
  const wrong = Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<Name, number>
  const reports: string[] = []
  let runs = 0
  /** What is wrong with the rows in the end, or null. */
  const judge = (outcome: Outcome, from: number, rule: MergeRule): string | null => {
    const key = `${rule} ${nameOf(outcome, from, survives)}`
    const found = known.get(key)
    if (found !== undefined) return found
    const truth = textOf(outcome.table)
    let result: string | null = null
    for (const pace of rule === 'shipped' ? pacesOf(outcome) : [AT_ONCE]) {
      runs += 1
      const rows = consumer.run(outcome, from, survives, rule, pace)
      if (rows !== truth) result ??= `truth ${truth}\nfound ${rows}\npace ${JSON.stringify(pace)}`
    }
    known.set(key, result)
    return result
  }
  const explored = explore(
    space,
    (steps, wal, slotStart) => consumer.confirm(steps, wal, slotStart),
    (outcome) => {
      for (const name of NAMES) {
        const { rule, confirms, waits, where } = CONSUMERS[name]
        if (waits === outcome.isEarly || where?.(outcome) === false) continue
        const from = outcome.sessions[0]?.confirmed?.[confirms] ?? outcome.slotStart
        const found = judge(outcome, from, rule)
        if (found === null) continue
        wrong[name] += 1
        if (name in SOUND && reports.length < 5) reports.push(`${name}\n${found}\n${describe(outcome)}`)
      }
    },
  )
  return { ...explored, runs, wrong, reports }
}

/** The same for outcomes whose last session is the same: what is known, what is sent, where the chunks lie and what they show. */
function nameOf({ wal, sessions, table, slotStart }: Outcome, from: number, survives: boolean): string {
  let name = `${sessions.length} ${numberOf(table)} `
  const [first] = sessions
  if (survives && first !== undefined) name += `${slotStart} ${from} ${sessionName(first)} ${walName(wal)} `
  let at = from
  for (const step of sessions.at(-1)?.steps ?? []) {
    if (step.kind !== 'chunk') continue
    name += `${walName(wal.slice(at, step.at))} ${step.snapshot.text} ${numberOf(step.rows)}`
    at = Math.max(at, step.at)
  }
  return name + walName(wal.slice(at))
}

function pacesOf({ wal, sessions }: Outcome): Pace[] {
  const ordinal = sessions.length - 1
  const isMark = (entry: Outcome['wal'][number]): boolean =>
    entry.kind === 'watermark' && entry.session === ordinal
  if (!wal.some(isMark)) return [AT_ONCE]
  const first = wal.findIndex(isMark)
  const paces: Pace[] = [{ isEager: false, delay: 0 }]
  for (let delay = 0; delay < wal.length - first; delay += 1) paces.push({ isEager: true, delay })
  return paces
}

function describe({ wal, sessions, slotStart }: Outcome): string {
  const entries = wal.map((entry) =>
    entry.kind === 'commit'
      ? `${entry.transaction.xid} ${JSON.stringify(entry.transaction.program)}`
      : `watermark ${entry.session}:${entry.chunk}`,
  )
  const lives = sessions.map(({ steps }) =>
    steps
      .map((step) => (step.kind === 'deliver' ? 'deliver' : `${step.kind} ${step.snapshot.text}`))
      .join(', '),
  )
  return [...entries, `slot before entry ${slotStart}`, ...lives].join('\n')
}
