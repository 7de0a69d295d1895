import { DbsyncError } from '../src/core/errors.ts'
import { RawSession } from '../src/postgres/raw-session.ts'
import { PUBLICATION } from './backlog.ts'
import { onInterrupt } from './on-interrupt.ts'
import type { BenchServer } from './server.ts'

/** Keeps a slot in use without reading from it, so that whoever streams from it has to wait. */
export interface SlotHolder {
  /** Lets go; resolves when the slot is free. */
  release(): Promise<void>
  /** Lets go at once. The server does not stop while somebody holds a slot and does not read. */
  drop(): void
}

/** Ends the session that streams from the slot and takes its place. */
export async function takeSlot(server: BenchServer, slot: string): Promise<SlotHolder> {
  const session = await RawSession.connect(server.url, 'bench', true)
  const start = `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names '${PUBLICATION}')`
  for (let attempt = 0; ; attempt += 1) {
    await server.query(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active',
      [slot],
    )
    try {
      await session.startCopyBoth(start)
      break
    } catch (error) {
      // The one who was sent away may have been quicker.
      if (attempt > 100) throw error
      await pause()
    }
  }
  session.pause()
  const drop = (): void => {
    session.destroy(new DbsyncError('SYNC.CLOSED', 'The bench lets go of the slot.'))
    forget()
  }
  const forget = onInterrupt(drop)
  return {
    drop,
    async release() {
      drop()
      for (;;) {
        const [row] = await server.query<{ active: boolean }>(
          'SELECT active FROM pg_replication_slots WHERE slot_name = $1',
          [slot],
        )
        if (row?.active !== true) return
        await pause()
      }
    },
  }
}

function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, 10))
}
