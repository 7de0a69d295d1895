import type { ControlSession } from '../postgres/control-session.ts'
import { awaitWriters } from '../postgres/lock-barrier.ts'
import type { Preflight } from '../postgres/preflight.ts'

/**
 * Waits until whatever was written to the tables before this call, and was delivered unnoticed or not at all, is visible, so that chunks
 * show it. Throws: POSTGRES.*, the signal's reason.
 */
export async function awaitTableWriters(
  control: ControlSession,
  checked: Preflight,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<void> {
  const oids = [...checked.tables.values()].map((table) => table.oid)
  if (oids.length === 0) return
  await awaitWriters(control, oids, signal, (holders) =>
    onWait(`${holders} transactions that were writing before the tables are read`),
  )
}
