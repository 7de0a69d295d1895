import { type DbsyncError, toDbsyncError } from '../core/errors.ts'
import type { Column } from '../zset/column.ts'
import { maskOf, type RowListener, type SourceTable } from '../zset/source-table.ts'

/** Wire texts of a row, null for NULL. */
export type RowTexts = readonly (string | null)[]

/** One column of the rows that are handed out. */
export interface PendingColumn {
  readonly column: Column
  /** What is written instead of the column's own text. */
  readonly text?: (text: string) => string
}

/** What {@link StoredRows} are. */
export interface StoredRowsParts {
  /** The view's. */
  readonly name: string
  readonly table: SourceTable
  /** In the order in which texts are handed out. */
  readonly columns: readonly PendingColumn[]
  /** Of the rows: which are the key's, by their place among the columns. */
  readonly key: readonly number[]
}

/** The rows of a view in a table, for all who write them elsewhere. */
export class StoredRows {
  readonly name: string
  readonly #parts: StoredRowsParts
  readonly #followers: PendingRows[] = []
  #failure: DbsyncError | null = null

  constructor(parts: StoredRowsParts) {
    this.name = parts.name
    this.#parts = parts
  }

  /** Why the view stopped; null while it is maintained. */
  get failure(): DbsyncError | null {
    return this.#failure
  }

  /** Notes from now on what changes, for one who writes it at a pace of its own. */
  follow(): PendingRows {
    const pending = new PendingRows(this.#parts)
    if (this.#failure !== null) pending.fail(this.#failure)
    this.#followers.push(pending)
    this.#parts.table.listeners.push(pending)
    return pending
  }

  /** Stops the view for good. */
  fail(error: unknown): void {
    this.#failure ??= toDbsyncError(error, `the view ${this.name} failed with `)
    for (const pending of this.#followers) pending.fail(this.#failure)
  }
}

/**
 * Which rows of a view's table changed since somebody wrote them elsewhere, and which are gone.
 *
 * Nothing but slots and the keys of rows that went is kept, so however long nobody writes, what waits is bounded by the rows
 * that there are and were.
 * Order: `take` what waits, `rows` for their texts, and `restore` what could not be written.
 */
export class PendingRows implements RowListener {
  readonly name: string
  readonly mask: number
  readonly critical: number
  readonly #table: SourceTable
  readonly #columns: readonly PendingColumn[]
  readonly #key: readonly number[]
  #changed = new Set<number>()
  #gone = new Map<string, RowTexts>()
  #failure: DbsyncError | null = null

  constructor({ name, table, columns, key }: StoredRowsParts) {
    this.name = name
    this.#table = table
    this.#columns = columns
    this.#key = key
    this.mask = maskOf(columns.map(({ column }) => column))
    this.critical = maskOf(key.flatMap((at) => columns[at]?.column ?? []))
  }

  /** Why the view stopped, or whoever writes it stopped doing so; null while it is written. */
  get failure(): DbsyncError | null {
    return this.#failure
  }

  /** Rows that wait to be written or taken away. */
  get size(): number {
    return this.#changed.size + this.#gone.size
  }

  /** All rows wait, and nothing is known of any that went. */
  markAll(): void {
    this.#changed = new Set(this.#table.slots())
    this.#gone.clear()
  }

  /** What waits, which from now on waits no more. */
  take(): PendingBatch {
    const changed = [...this.#changed]
    // A key that went and came back is a row that changed.
    if (this.#gone.size > 0) for (const slot of changed) this.#gone.delete(idOf(this.#keyOf(slot)))
    const gone = [...this.#gone.values()]
    this.#changed = new Set()
    this.#gone = new Map()
    return { changed, gone }
  }

  /** Has what was taken wait again. */
  restore({ changed, gone }: PendingBatch): void {
    if (this.#failure !== null) return
    for (const slot of changed) if (this.#table.markOf(slot) > 0) this.#changed.add(slot)
    for (const key of gone) this.#gone.set(idOf(key), key)
  }

  /** The texts of rows as they are now; those that have gone since they were taken are left out, and wait as gone. */
  rows(slots: readonly number[]): readonly RowTexts[] {
    const rows: RowTexts[] = []
    for (const slot of slots) {
      if (this.#table.markOf(slot) <= 0) continue
      rows.push(this.#columns.map((column) => textOf(column, slot)))
      // What changed since it was taken is written now.
      this.#changed.delete(slot)
    }
    return rows
  }

  insert(slot: number): void {
    if (this.#failure === null) this.#changed.add(slot)
  }

  remove(slot: number): void {
    // The rows of a view that has stopped are let go of, and stay where they were written.
    if (this.#failure !== null) return
    this.#changed.delete(slot)
    const key = this.#keyOf(slot)
    this.#gone.set(idOf(key), key)
  }

  update(old: number): void {
    if (this.#failure === null) this.#changed.add(old)
  }

  /** Stops for good; what waits would be half of a step, and waits no more. */
  fail(error: DbsyncError): void {
    this.#failure ??= error
    this.#changed.clear()
    this.#gone.clear()
  }

  #keyOf(slot: number): RowTexts {
    return this.#key.map((at) => {
      const column = this.#columns[at]
      return column === undefined ? null : textOf(column, slot)
    })
  }
}

/** What a writer took. */
export interface PendingBatch {
  /** Slots of rows that came or changed. */
  readonly changed: readonly number[]
  /** Keys of rows that went. */
  readonly gone: readonly RowTexts[]
}

function textOf({ column, text }: PendingColumn, slot: number): string | null {
  const own = column.text(slot)
  return own === null || text === undefined ? own : text(own)
}

function idOf(key: RowTexts): string {
  return JSON.stringify(key)
}
