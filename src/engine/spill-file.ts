import { closeSync, mkdtempSync, openSync, readSync, rmdirSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DbsyncError } from '../core/errors.ts'
import type { Span } from '../wal/transaction.ts'

/** How much is read back at a time. */
const READ_BYTES = 256 * 1024

/**
 * The bytes of one transaction that is too large for memory, in a temporary file that only this process can open.
 *
 * The file has no name any more once it is open, so nothing stays behind however the process ends. Written and read
 * synchronously, in pieces: below the run loop nothing awaits. Throws: SYNC.SPILL_FAILED.
 */
export class SpillFile {
  readonly #file: number
  #bytes = 0
  #holders = 1
  #isOpen = true

  /** Makes the file in a new folder below `directory`, by default the system's own for temporary files. */
  constructor(directory: string | null) {
    this.#file = guarded('make', () => openNameless(directory ?? tmpdir()))
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether somebody still holds it. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Adds whole messages behind those that are there. */
  append(spans: readonly Span[]): void {
    for (const { buffer, from, to } of spans) {
      let at = from
      while (at < to) {
        const start = at
        at += guarded('write', () => writeSync(this.#file, buffer, start, to - start, this.#bytes))
        this.#bytes += at - start
      }
    }
  }

  /** What was written, in order, as spans of whole messages; each is good until the next is taken. May be walked again and again. */
  *spans(): Generator<Span, void> {
    let buffer = Buffer.allocUnsafe(READ_BYTES)
    let held = 0
    let position = 0
    while (position < this.#bytes) {
      if (!this.#isOpen) throw released()
      const start = held
      const read = guarded('read', () =>
        readSync(
          this.#file,
          buffer,
          start,
          Math.min(buffer.length - start, this.#bytes - position),
          position,
        ),
      )
      if (read === 0)
        throw new DbsyncError('INTERNAL.INVARIANT', 'a spilled transaction ends before its time')
      position += read
      held += read
      const whole = wholeMessages(buffer, held)
      if (whole > 0) yield { buffer, from: 0, to: whole }
      // The beginning of a message that goes on behind what was read, in a buffer that has room for all of it.
      const rest = buffer.subarray(whole, held)
      const needed = rest.length < 5 ? 0 : 1 + rest.readInt32BE(1)
      if (needed > buffer.length) buffer = Buffer.allocUnsafe(needed)
      rest.copy(buffer)
      held = rest.length
    }
  }

  /** One more holds it. */
  retain(): void {
    this.#holders += 1
  }

  /** One less; the last one gives the disk back. */
  release(): void {
    this.#holders -= 1
    if (this.#holders > 0 || !this.#isOpen) return
    this.#isOpen = false
    closeSync(this.#file)
  }
}

/** The position behind the last message that lies whole in the first `length` bytes. */
function wholeMessages(buffer: Buffer, length: number): number {
  let at = 0
  while (at + 5 <= length) {
    const end = at + 1 + buffer.readInt32BE(at + 1)
    if (end > length) break
    at = end
  }
  return at
}

function openNameless(directory: string): number {
  const folder = mkdtempSync(join(directory, 'dbsync-'))
  const path = join(folder, 'transaction')
  try {
    const file = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
    return file
  } finally {
    rmdirSync(folder)
  }
}

function guarded(what: string, work: () => number): number {
  try {
    return work()
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new DbsyncError(
      'SYNC.SPILL_FAILED',
      `A transaction too large for memory goes through a temporary file, and DBSync could not ${what} it (${reason}). Make room, ` +
        'or name a folder with room in the option tempDir, and start again; nothing of the transaction was confirmed.',
      { details: { reason }, cause: error },
    )
  }
}

function released(): DbsyncError {
  return new DbsyncError('INTERNAL.INVARIANT', 'a spilled transaction was read after its release')
}
