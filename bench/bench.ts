/** What a bench is asked for. */
export interface BenchOptions {
  /** Ends within 50 s, on less work and fewer rounds. */
  readonly quick: boolean
  /** Told what is going on, one line at a time. */
  readonly log: (line: string) => void
}

/** One round: both sides on the same work, one after the other. */
export interface Round {
  readonly ours: number
  readonly peer: number
  /** The machine's load average over the last minute, when the round began. */
  readonly load: number
}

/** What a bench found. */
export interface Measurement {
  /** Who the peer really was. */
  readonly peer: string
  readonly rounds: readonly Round[]
  /** What was measured, and whatever a reader of the figures should know. */
  readonly notes: readonly string[]
}

/** One comparison: ours and a peer, alternating in one run. */
export interface Bench {
  readonly name: string
  readonly what: string
  readonly unit: string
  readonly goal: { readonly ratio: number; readonly better: 'higher' | 'lower' }
  /** Throws if a side fails, or if a view is not equal to its SQL (without a server: to the peers' views) at the end. */
  run(options: BenchOptions): Promise<Measurement>
}

/** The medians of a measurement and what they mean. */
export interface Figures {
  readonly ours: number
  readonly peer: number
  /** Ours divided by the peer's. */
  readonly ratio: number
  readonly isReached: boolean
}

/** The middle of the values; of an even number of them, the mean of the two in the middle. Needs at least one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const high = sorted[Math.floor(sorted.length / 2)]
  const low = sorted[Math.floor((sorted.length - 1) / 2)]
  if (high === undefined || low === undefined) throw new Error('a median of nothing')
  return (low + high) / 2
}

/** Medians of both sides, their ratio, and whether it reaches the goal. */
export function figuresOf(bench: Pick<Bench, 'goal'>, rounds: readonly Round[]): Figures {
  const ours = median(rounds.map((round) => round.ours))
  const peer = median(rounds.map((round) => round.peer))
  const ratio = ours / peer
  const { goal } = bench
  return {
    ours,
    peer,
    ratio,
    isReached: goal.better === 'higher' ? ratio >= goal.ratio : ratio <= goal.ratio,
  }
}
