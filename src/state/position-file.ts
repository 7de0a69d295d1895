import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { parseLsn, formatLsn, type Lsn } from '../core/lsn.ts'
import { syncFolder } from './state-file.ts'

const recordSchema = z.object({ id: z.string(), position: z.string(), sum: z.number() })

const sumOf = (id: string, position: string): number => crc32(`${id} ${position}`)

/**
 * Notes that a saved state is also that of a later position, since nothing in it has changed: so WAL is let go of on a server
 * where only other tables are written, and nothing large is written for it. Throws: what the file system throws.
 */
export async function writePosition(path: string, id: string, position: Lsn): Promise<void> {
  const text = formatLsn(position)
  const temporary = `${path}.tmp`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(JSON.stringify({ id, position: text, sum: sumOf(id, text) }))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await syncFolder(dirname(path))
}

/** The position that was noted for a state; null: none was, or what is there is of another state or damaged. */
export async function readPosition(path: string, id: string): Promise<Lsn | null> {
  try {
    const record = recordSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    const isOurs = record.id === id && record.sum === sumOf(record.id, record.position)
    return isOurs ? parseLsn(record.position) : null
  } catch {
    return null
  }
}

/** Forgets the position. */
export async function removePosition(path: string): Promise<void> {
  await rm(path, { force: true })
}
