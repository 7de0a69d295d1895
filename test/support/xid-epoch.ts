import { chown, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * What `pg_resetwal` does with `--epoch` and `--next-transaction-id`, without the program, which the npm packages of
 * PostgreSQL do not carry: the 64-bit transaction id that the server begins with stands in the control file and in the
 * checkpoint record that it names, each under a checksum. Offsets: ControlFileData, CheckPoint, XLogRecord and
 * XLogPageHeaderData of PostgreSQL 14 to 18.
 */
const CONTROL = { checkpointLsn: 32, checkpoint: 40 }
const CHECKPOINT = { nextXid: 24, oldestXid: 44, length: 48 }
const RECORD = { header: 24, kind: 16, resourceManager: 17, crc: 20 }
/** A record's header is followed by the data's own: a marker and a length, one byte each. */
const DATA_HEADER = 2
const PAGE_BYTES = 8192
const PAGE_HEADER = 24
/** Four transactions' outcomes go into a byte of `pg_xact`. */
const OUTCOMES_BYTES = 32 * PAGE_BYTES
const OUTCOMES_PER_FILE = OUTCOMES_BYTES * 4

/**
 * Sets the next transaction id of a cluster that is shut down. Every row of it must be frozen: ids that were given out
 * before would lie in the future.
 *
 * Throws: an Error if the cluster's files are not as expected.
 */
export async function setNextXid(dataDir: string, next: bigint): Promise<void> {
  const controlPath = join(dataDir, 'global/pg_control')
  const control = await readFile(controlPath)
  const crcAt = findControlCrc(control)
  const copy = control.subarray(CONTROL.checkpoint, CONTROL.checkpoint + CHECKPOINT.length)
  const former = Buffer.from(copy)
  copy.writeBigUInt64LE(next, CHECKPOINT.nextXid)
  copy.writeUInt32LE(Number(BigInt.asUintN(32, next)) - 1, CHECKPOINT.oldestXid)
  await editCheckpointRecord(dataDir, control.readBigUInt64LE(CONTROL.checkpointLsn), (checkpoint) => {
    if (!checkpoint.subarray(0, former.length).equals(former))
      throw unexpected('its checkpoint is another one')
    copy.copy(checkpoint)
  })
  control.writeUInt32LE(crc32c(control.subarray(0, crcAt)), crcAt)
  // Truncated and filled again, so that they stay the server's own.
  await writeFile(controlPath, control)
  await addOutcomes(dataDir, Number(BigInt.asUintN(32, next)))
}

/** The file in which the outcome of the next transaction is to be noted, as the server expects it. */
async function addOutcomes(dataDir: string, next: number): Promise<void> {
  const folder = join(dataDir, 'pg_xact')
  const name = Math.floor(next / OUTCOMES_PER_FILE)
    .toString(16)
    .toUpperCase()
    .padStart(4, '0')
  const path = join(folder, name)
  await writeFile(path, Buffer.alloc(OUTCOMES_BYTES), { mode: 0o600 })
  const owner = await stat(folder)
  await chown(path, owner.uid, owner.gid)
}

function unexpected(what: string): Error {
  return new Error(`The cluster's files are not those of a PostgreSQL that is shut down: ${what}.`)
}

/** The checksum ends the structure, whose length is the version's own. */
function findControlCrc(control: Buffer): number {
  for (let at = CONTROL.checkpoint; at < 512; at += 4) {
    if (control.readUInt32LE(at) === crc32c(control.subarray(0, at))) return at
  }
  throw unexpected('pg_control has no valid checksum')
}

async function editCheckpointRecord(
  dataDir: string,
  lsn: bigint,
  edit: (checkpoint: Buffer) => void,
): Promise<void> {
  const folder = join(dataDir, 'pg_wal')
  // A new cluster has one timeline, and segments of the default size.
  const size = 16n * 1024n * 1024n
  const hex = (value: bigint): string => value.toString(16).toUpperCase().padStart(8, '0')
  const segment = lsn / size
  const perFile = 0x1_0000_0000n / size
  const path = join(folder, `00000001${hex(segment / perFile)}${hex(segment % perFile)}`)
  if (BigInt((await stat(path)).size) !== size) throw unexpected('a WAL segment has another size')
  const file = await open(path, 'r+')
  try {
    const bytes = Buffer.alloc(Number(size))
    await file.read(bytes, 0, bytes.length, 0)
    const at = Number(lsn % size)
    const positions = recordPositions(at, bytes.readUInt32LE(at))
    const record = Buffer.from(positions.map((position) => bytes[position] ?? 0))
    // The resource manager "XLOG" and its record "shutdown checkpoint" are both number 0.
    if (record[RECORD.kind] !== 0 || record[RECORD.resourceManager] !== 0) {
      throw unexpected('the last record of the WAL is no shutdown checkpoint')
    }
    if (record.readUInt32LE(RECORD.crc) !== recordCrc(record))
      throw unexpected('a record has no valid checksum')
    edit(record.subarray(RECORD.header + DATA_HEADER))
    record.writeUInt32LE(recordCrc(record), RECORD.crc)
    for (const [index, position] of positions.entries()) bytes[position] = record[index] ?? 0
    await file.write(bytes, 0, bytes.length, 0)
  } finally {
    await file.close()
  }
}

/** Where a record's bytes lie in its segment: each page that it goes on in begins with a header of the page. */
function recordPositions(start: number, length: number): number[] {
  const positions: number[] = []
  for (let at = start; positions.length < length; at += 1) {
    if (at % PAGE_BYTES === 0 && at !== start) at += PAGE_HEADER
    positions.push(at)
  }
  return positions
}

/** Over the data, then over the header up to the checksum. */
function recordCrc(record: Buffer): number {
  return crc32c(Buffer.concat([record.subarray(RECORD.header), record.subarray(0, RECORD.crc)]))
}

/** CRC-32C (Castagnoli), bit by bit: a few hundred bytes are summed once. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0)
  }
  return (crc ^ 0xffff_ffff) >>> 0
}
