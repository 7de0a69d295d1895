import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { DbsyncError } from '../core/errors.ts'
import { parseContract } from '../contract/parse-contract.ts'
import type { SchemaContract } from '../contract/schema-contract.ts'

/** Where projects have the generator write. */
const USUAL = [
  'generated/dbsync/contract.json',
  'src/generated/dbsync/contract.json',
  'prisma/generated/dbsync/contract.json',
  'app/generated/dbsync/contract.json',
  'lib/generated/dbsync/contract.json',
]

/**
 * Reads the contract that `prisma generate` wrote: the named file, else the first of the usual places.
 *
 * Throws: CONFIG.INVALID_OPTIONS if there is none, CONTRACT.INVALID if it is none.
 */
export async function readContract(path: string | undefined, cwd: string): Promise<SchemaContract> {
  for (const candidate of path === undefined ? USUAL : [path]) {
    const text = await readOrNull(resolve(cwd, candidate))
    if (text !== null) return parseContract(parseJson(text, candidate))
  }
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    path === undefined
      ? `There is no generated contract in any of the usual places (${USUAL.join(', ')}). Run prisma generate, and pass ` +
          '--contract FILE if its output is elsewhere: the contract.json beside the generated index.ts.'
      : `There is no file ${path}. Run prisma generate; --contract takes the contract.json beside the generated index.ts.`,
  )
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `The contract ${path} cannot be read (${String(error.code)}).`,
    )
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DbsyncError(
      'CONTRACT.INVALID',
      `${path} is no JSON; it must be the contract.json that prisma generate writes. Run it again.`,
      { cause },
    )
  }
}
