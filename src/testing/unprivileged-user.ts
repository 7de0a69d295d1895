import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { DbsyncError } from '../core/errors.ts'

/** Whom a process runs as; empty: as ourselves. */
export type RunAs = { readonly uid: number; readonly gid: number } | Record<never, never>

/** PostgreSQL refuses to run as root; nobody is made for it, of the users that are there one is taken. */
const USERS = ['postgres', 'nobody']

/** Whom a server runs as. Throws: TESTING.NO_SERVER if we are root and there is nobody else. */
export async function unprivilegedUser(): Promise<RunAs> {
  if (process.getuid?.() !== 0) return {}
  for (const name of USERS) {
    const [uid, gid] = await Promise.all([idOf('-u', name), idOf('-g', name)])
    if (uid !== null && gid !== null) return { uid, gid }
  }
  throw new DbsyncError(
    'TESTING.NO_SERVER',
    `PostgreSQL does not run as root, and there is no user ${USERS.join(' or ')} to run it as. Add one (useradd postgres), or run ` +
      'the tests as another user.',
  )
}

async function idOf(flag: string, name: string): Promise<number | null> {
  try {
    return Number((await promisify(execFile)('id', [flag, name])).stdout)
  } catch {
    return null
  }
}
