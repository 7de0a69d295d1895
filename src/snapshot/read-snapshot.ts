import type { ControlSession } from '../postgres/control-session.ts'
import { parseSnapshot, type Snapshot } from './visibility.ts'

/** What a statement that runs now would see. Rights: none. Version: 14. */
export async function readSnapshot(control: ControlSession): Promise<Snapshot> {
  const [row] = await control.query('SELECT pg_current_snapshot()::text')
  return parseSnapshot(row?.[0] ?? '')
}

/** What a snapshot that another session has exported sees. Rights: none. */
export async function readExportedSnapshot(control: ControlSession, name: string): Promise<Snapshot> {
  await control.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    await control.query(`SET TRANSACTION SNAPSHOT '${name.replaceAll("'", "''")}'`)
    return await readSnapshot(control)
  } finally {
    await control.query('ROLLBACK')
  }
}
