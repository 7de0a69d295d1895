/** What a side tells the bench: it waits for its turn, or it has had it. */
export type ChildMessage =
  | { readonly kind: 'live' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done'; readonly run: SideRun }

/** One side's way through the backlog, measured inside its process, from the start of the stream to its last commit. */
export interface SideRun {
  readonly seconds: number
  /** User and system time of the whole process meanwhile, all its threads. */
  readonly cpuSeconds: number
  /** Highest resident memory of the process so far. */
  readonly maxRssBytes: number
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

/** Tells the bench. */
export function tell(message: ChildMessage): void {
  if (process.send === undefined) throw new Error('this file is run by a bench, as a child of its process')
  process.send(message)
}
