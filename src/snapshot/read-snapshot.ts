import { quoteLiteral } from '../core/quote.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { parseSnapshot, type Snapshot } from './visibility.ts'

/** What a statement that runs now would see. Rights: none. Version: 14. */
export async function readSnapshot(control: ControlSession): Promise<Snapshot> {
  const [row] = await control.query('SELECT pg_current_snapshot()::text')
  return parseSnapshot(row?.[0] ?? '')
}

/** What a snapshot that another session has exported sees. Rights: none. */
export async function readExportedSnapshot(control: ControlSession, name: string): Promise<Snapshot> {
  // In one message: the session is shared, and somebody else's statement in between would end the transaction.
  const [row] = await control.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(name)}; ` +
      'SELECT pg_current_snapshot()::text; COMMIT',
  )
  return parseSnapshot(row?.[0] ?? '')
}
