/** What tells the time to views with a moving time bound. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. It may go back; while it gives no finite number, time stands still. */
  now(): number
}

/** The clock's time in microseconds since 1970-01-01 UTC; null if it gives none. */
export function microsecondsOf(clock: Clock): bigint | null {
  const ms = clock.now()
  return Number.isFinite(ms) ? BigInt(Math.floor(ms)) * 1000n : null
}
