/** Milliseconds from the Unix epoch to Postgres' own, 2000-01-01 UTC. */
export const POSTGRES_EPOCH_MS = 946_684_800_000

/** The date of a server's time: microseconds since 2000-01-01 UTC. Microseconds are cut off. */
export function dateOfServerTime(timeUs: bigint): Date {
  return new Date(Number(timeUs / 1000n) + POSTGRES_EPOCH_MS)
}
