import type { EngineRun } from './core/run-engine.ts'

/** What a side tells the bench: it waits for its turn, or it has had it. */
export type ChildMessage =
  | { readonly kind: 'live' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done'; readonly run: SideRun }
  /** When something happened to each transaction of a writer, by their order, on the clock of {@link nowNs}. */
  | { readonly kind: 'times'; readonly times: readonly number[] }
  | { readonly kind: 'engine'; readonly run: EngineRun }
  | { readonly kind: 'pauses'; readonly pauses: Pauses }
  /** Whatever numbers a bench of one figure or two wants. */
  | { readonly kind: 'figures'; readonly figures: Readonly<Record<string, number>> }

/** How long small transactions took, in nanoseconds. */
export interface Pauses {
  /** The 50th, the 99th and the 99.9th. */
  readonly percentiles: readonly number[]
  readonly max: number
  /** The longest pause of the same loop without work: what the machine adds. */
  readonly machineMax: number
  /** The histogram. */
  readonly lines: readonly string[]
}

/** One side's way through the backlog, measured inside its process, from the start of the stream to its last commit. */
export interface SideRun {
  readonly seconds: number
  /** User and system time of the whole process meanwhile, all its threads. */
  readonly cpuSeconds: number
  /** Highest resident memory of the process so far. */
  readonly maxRssBytes: number
  /** Resident memory before, where a bench compares the two. */
  readonly baseRssBytes?: number
}

/** Starts the clocks; what is returned stops them. */
export function startClocks(): () => SideRun {
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(startCpu)
    return {
      seconds: (performance.now() - startMs) / 1000,
      cpuSeconds: (user + system) / 1e6,
      maxRssBytes: process.resourceUsage().maxRSS * 1024,
    }
  }
}

/** Nanoseconds of the machine's monotonic clock, which all processes share. */
export function nowNs(): number {
  return Number(process.hrtime.bigint())
}

/** Tells the bench. */
export function tell(message: ChildMessage): void {
  if (process.send === undefined) throw new Error('this file is run by a bench, as a child of its process')
  process.send(message)
}
