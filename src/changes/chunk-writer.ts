import { DbsyncError } from '../core/errors.ts'
import type { Column } from '../zset/column.ts'
import type { SourceTable } from '../zset/source-table.ts'
import { isCopyNull, unescapeCopy } from '../snapshot/copy-rows.ts'
import { putRow } from './relation-writer.ts'

const TAB = 0x09
const BACKSLASH = 0x5c

/** Writes the rows of chunks into a table; the columns come in the table's own order. */
export class ChunkWriter {
  readonly #table: SourceTable
  readonly #columns: readonly Column[]
  #scratch: Buffer = Buffer.allocUnsafe(1024)

  constructor(table: SourceTable) {
    this.#table = table
    this.#columns = table.columns
  }

  /** A chunk begins: its rows, and what is replayed over them, make up the table's next generation. */
  begin(): void {
    this.#table.beginGeneration()
  }

  /**
   * Takes rows out that were asked for by their keys (wire text), are not in the chunk and were not put by what was
   * replayed over it: the database does not have them.
   */
  removeAbsent(keys: readonly (readonly string[])[]): void {
    const table = this.#table
    const words = new Int32Array(table.keyOffsets.length)
    const places = [...words.keys()]
    for (const key of keys) {
      let at = 0
      const isHeld = table.keyColumns.every((column, index) => {
        at += column.width
        return column.writeText(key[index] ?? '', words, at - column.width)
      })
      const slot = isHeld ? table.findWords(words, 0, places) : -1
      if (slot >= 0 && table.markOf(slot) < table.generation - 1) table.remove(slot)
    }
  }

  /** Writes one row of COPY text, its newline left off. Throws: CHANGES.* from the columns, WAL.MALFORMED. */
  write(buffer: Buffer, start: number, end: number): void {
    const table = this.#table
    const slot = table.allocate()
    let at = start
    for (const column of this.#columns) {
      if (at > end) throw malformedRow()
      let stop = at
      let isEscaped = false
      for (; stop < end; stop += 1) {
        const byte = buffer[stop]
        if (byte === TAB) break
        if (byte === BACKSLASH) isEscaped = true
      }
      if (!isEscaped) column.read(slot, buffer, at, stop)
      else if (isCopyNull(buffer, at, stop)) column.setNull(slot)
      else {
        if (this.#scratch.length < stop - at) this.#scratch = Buffer.allocUnsafe((stop - at) * 2)
        column.read(slot, this.#scratch, 0, unescapeCopy(buffer, at, stop, this.#scratch))
      }
      at = stop + 1
    }
    // Past the last field's end lies the row's.
    if (at !== end + 1) throw malformedRow()
    putRow(table, table.find(slot), slot)
  }
}

function malformedRow(): DbsyncError {
  return new DbsyncError(
    'WAL.MALFORMED',
    'A row of a chunk does not have the columns that were asked for; reconnecting.',
  )
}
