import { open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { isDbsyncError } from '../core/errors.ts'
import { identitySchema, originSchema, type StateIdentity, type StateOrigin } from './state-identity.ts'
import { PLACE_BYTES, type StateItem, unusable } from './state-items.ts'
import { type LoadedArray, StateSource } from './state-source.ts'

/*
 * The file: MAGIC, the bytes of all arrays one behind the other, a JSON text that says what they are, and a trailer: where that
 * text begins, its length, its CRC-32, and MAGIC again. What was cut off lacks the trailer; every byte is under a CRC or compared.
 */
const MAGIC = Buffer.from('DBSYNC\u0000\u0001', 'latin1')
const TRAILER_BYTES = 8 + 4 + 4 + MAGIC.length
/** Written in one go: well under a millisecond. */
const WRITE_BYTES = 1024 * 1024
/** What one CRC-32 is of; a part of an array that is read beside others. */
const PIECE_BYTES = 4 * 1024 * 1024

const headerSchema = z.object({
  identity: identitySchema,
  origin: originSchema,
  items: z.array(
    z.union([
      z.tuple([z.enum(['label', 'bigint']), z.string()]),
      z.tuple([z.literal('number'), z.number()]),
      z.tuple([z.enum(['int32', 'float64', 'uint8']), z.number().int().min(0), z.number().int().min(0)]),
    ]),
  ),
  /** CRC-32s of all arrays, piece by piece. */
  sums: z.array(z.number()),
})

/** What is to be written. */
export interface StateImage {
  readonly identity: StateIdentity
  readonly origin: StateOrigin
  readonly items: readonly StateItem[]
  /** The bytes of all arrays, one behind the other. */
  readonly bytes: Uint8Array
}

/** What was read. */
export interface SavedState {
  readonly identity: StateIdentity
  readonly origin: StateOrigin
  readonly source: StateSource
  readonly byteLength: number
}

/**
 * Writes a state beside the former one, and then in its place: whenever the process or the machine dies, one of the two is there whole.
 *
 * Throws: what the file system throws.
 */
export async function writeState(path: string, image: StateImage): Promise<void> {
  const temporary = `${path}.${image.origin.id}.tmp`
  try {
    const file = await open(temporary, 'wx')
    try {
      await writeImage(file, image)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** Removes what a process that was killed in the middle of a save left behind. */
export async function removeLeftovers(path: string): Promise<void> {
  const name = basename(path)
  for (const found of await readdir(dirname(path))) {
    if (found.startsWith(`${name}.`) && found.endsWith('.tmp'))
      await rm(join(dirname(path), found), { force: true })
  }
}

/** Has the folder remember what it holds, where the system can be asked for that. */
export async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | null = null
  try {
    folder = await open(path, 'r')
    await folder.sync()
  } catch {
    // Windows knows no folders that could be synced; elsewhere the state is there, be it a moment later.
  } finally {
    await folder?.close()
  }
}

/** Reads a state whole and checks every byte of it; null if there is none. Throws: STATE.UNUSABLE. */
export async function readState(path: string): Promise<SavedState | null> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw unusable(path, `it cannot be opened (${codeOf(error)})`)
  }
  try {
    return await readImage(path, file)
  } catch (error) {
    if (isDbsyncError(error)) throw error
    throw unusable(path, `it cannot be read (${codeOf(error)})`)
  } finally {
    await file.close()
  }
}

/** What tells one file under a path from another that took its place; null: there is none. */
export async function fileId(path: string): Promise<string | null> {
  try {
    const { ino, size, mtimeMs } = await stat(path)
    return `${ino}:${size}:${mtimeMs}`
  } catch {
    return null
  }
}

async function writeImage(file: FileHandle, { identity, origin, items, bytes }: StateImage): Promise<void> {
  await file.write(MAGIC, 0, MAGIC.length, 0)
  const sums: number[] = []
  let at = 0
  for (const item of items) {
    const size = sizeOf(item)
    if (size === null) continue
    for (const piece of pieces(bytes.subarray(at, at + size), PIECE_BYTES)) {
      let sum = 0
      for (const part of pieces(piece, WRITE_BYTES)) {
        sum = crc32(part, sum)
        await file.write(part, 0, part.length, MAGIC.length + at)
        at += part.length
      }
      sums.push(sum)
    }
    await turn()
  }
  const header = Buffer.from(JSON.stringify({ identity, origin, items, sums }))
  const trailer = Buffer.alloc(TRAILER_BYTES)
  trailer.writeBigUInt64LE(BigInt(MAGIC.length + at), 0)
  trailer.writeUInt32LE(header.length, 8)
  trailer.writeUInt32LE(crc32(header), 12)
  MAGIC.copy(trailer, 16)
  await file.write(header, 0, header.length, MAGIC.length + at)
  await file.write(trailer, 0, trailer.length, MAGIC.length + at + header.length)
}

async function readImage(path: string, file: FileHandle): Promise<SavedState> {
  const { size } = await file.stat()
  const damaged = (what: string): Error => unusable(path, `it is damaged: ${what}`)
  if (size < MAGIC.length + TRAILER_BYTES) throw damaged('it is cut off')
  const head = await readPart(file, 0, Buffer.alloc(MAGIC.length))
  const trailer = await readPart(file, size - TRAILER_BYTES, Buffer.alloc(TRAILER_BYTES))
  if (!head.equals(MAGIC)) throw damaged('it does not begin as a saved state does')
  if (!trailer.subarray(16).equals(MAGIC)) throw damaged('it is cut off')
  const length = trailer.readUInt32LE(8)
  const start = trailer.readBigUInt64LE(0)
  if (start !== BigInt(size - TRAILER_BYTES - length)) throw damaged('its parts are not where they should be')
  const text = await readPart(file, Number(start), Buffer.alloc(length))
  if (crc32(text) !== trailer.readUInt32LE(12)) throw damaged('the checksum of its description is wrong')
  const parsed = headerSchema.safeParse(JSON.parse(text.toString('utf8')))
  if (!parsed.success) throw unusable(path, 'its description is not of the form that this version reads')
  const { identity, origin, items, sums } = parsed.data
  const arrays = await readArrays(file, items, (piece, index) => {
    if (crc32(piece) !== sums[index])
      throw damaged(`the checksum of part ${index + 1} of ${sums.length} is wrong`)
  })
  const source = new StateSource(path, items, arrays)
  return { identity, origin: { ...origin, catalog: origin.catalog }, source, byteLength: size }
}

/** Reads all arrays side by side, each into memory of its own, so that one that grows later lets go of the old. */
async function readArrays(
  file: FileHandle,
  items: readonly StateItem[],
  check: (piece: Uint8Array, index: number) => void,
): Promise<readonly LoadedArray[]> {
  const arrays: LoadedArray[] = []
  const reads: Promise<void>[] = []
  let at = MAGIC.length
  for (const item of items) {
    const size = sizeOf(item)
    if (size === null) continue
    const array = makeArray(item)
    arrays.push(array)
    for (const piece of pieces(new Uint8Array(array.buffer, 0, size), PIECE_BYTES)) {
      const index = reads.length
      reads.push(readPart(file, at, piece).then((read) => check(read, index)))
      at += piece.length
    }
  }
  await Promise.all(reads)
  return arrays
}

/** The bytes in order, so many at a time. */
function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function readPart<T extends Uint8Array>(file: FileHandle, position: number, target: T): Promise<T> {
  for (let at = 0; at < target.length;) {
    const { bytesRead } = await file.read(target, at, target.length - at, position + at)
    if (bytesRead === 0) throw Object.assign(new Error('the file ends too early'), { code: 'EOF' })
    at += bytesRead
  }
  return target
}

/** The bytes of an array that are kept; null: it is none. */
function sizeOf(item: StateItem): number | null {
  const [kind, , used] = item
  return kind === 'int32' || kind === 'float64' || kind === 'uint8' ? PLACE_BYTES[kind] * (used ?? 0) : null
}

/**
 * Shared memory, though nobody shares it: the engine does not count it as pressure on its heap, where as much of the other kind at
 * once starts a collection in the middle of the start (20 to 50 ms of 100).
 */
function makeArray([kind, places]: StateItem): LoadedArray {
  const memory = new SharedArrayBuffer(Number(places) * (kind === 'float64' ? 8 : kind === 'int32' ? 4 : 1))
  if (kind === 'float64') return new Float64Array(memory)
  return kind === 'int32' ? new Int32Array(memory) : new Uint8Array(memory)
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error'
}

function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code
}
