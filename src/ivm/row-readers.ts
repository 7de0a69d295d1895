import { DbsyncError } from '../core/errors.ts'
import { type IndexColumn, RowIndex } from './row-index.ts'
import { RowList } from './row-list.ts'
import { RowOrder } from './row-order.ts'
import type { RowSource } from './row-source.ts'
import type { Row } from './view-state.ts'

/** What the state must know of its readers. */
export interface ReaderHooks {
  /** From now on changes must be noted. */
  onInUse(): void
  /** These groups are about to be taken in: they must be noted when they change the next time. */
  onTaken(groups: readonly number[]): void
}

/**
 * The list of all rows and the indexes over them. Each is made when it is first wanted, and takes in what has changed
 * when it is read: a change costs a note, and what nobody reads costs nothing more.
 */
export class RowReaders {
  readonly #view: string
  readonly #source: RowSource
  readonly #order: RowOrder | null
  readonly #hooks: ReaderHooks
  #list: RowList | null = null
  readonly #indexes = new Map<string, RowIndex>()
  #all: readonly (RowList | RowIndex)[] = []

  constructor(view: string, source: RowSource, order: RowOrder | null, hooks: ReaderHooks) {
    this.#view = view
    this.#source = source
    this.#order = order
    this.#hooks = hooks
  }

  /** Whether changes must be noted. */
  get isInUse(): boolean {
    return this.#all.length > 0
  }

  get byteLength(): number {
    return this.#all.reduce((bytes, reader) => bytes + reader.byteLength, 0)
  }

  /** A group changes, or has changed for those who read. */
  note(group: number): void {
    for (const reader of this.#all) reader.notes.add(group)
  }

  /** All rows. Throws: what showing a row throws. */
  all(): readonly Row[] {
    if (this.#list === null) {
      this.#list = new RowList(this.#source, this.#order ?? new RowOrder([]))
      this.#add(this.#list)
    }
    this.#hooks.onTaken(this.#list.notes.groups)
    return this.#list.read()
  }

  /** Keeps the rows findable by those outputs; a value that cannot be shown throws when the index is read. */
  addIndex(columns: readonly IndexColumn[]): void {
    const id = indexId(columns.map(({ name }) => name))
    if (this.#indexes.has(id)) return
    const index = new RowIndex(columns, this.#source, this.#order)
    this.#indexes.set(id, index)
    this.#add(index)
    try {
      index.update()
    } catch {
      // What was not taken in is noted still, and the reader is told.
    }
  }

  /** The rows with those values. Throws: CONFIG.INVALID_OPTIONS, and what showing a value throws. */
  where(match: Row): readonly Row[] {
    const index = this.#indexes.get(indexId(Object.keys(match)))
    if (index === undefined) throw this.#noIndex(match)
    this.#hooks.onTaken(index.notes.groups)
    return index.find(match)
  }

  /** Forgets everything. */
  clear(): void {
    this.#list = null
    this.#indexes.clear()
    this.#all = []
  }

  #add(reader: RowList | RowIndex): void {
    // What the others have noted is not noted for the new one.
    for (const { notes } of this.#all) this.#hooks.onTaken(notes.groups)
    this.#all = [...this.#all, reader]
    this.#hooks.onInUse()
  }

  #noIndex(match: Row): DbsyncError {
    const found = Object.keys(match).join(', ')
    const indexes = [...this.#indexes.values()].map(({ columns }) =>
      columns.map(({ name }) => name).join(', '),
    )
    return new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `${this.#view}.where: found a match by ${found === '' ? 'nothing' : found}; need exactly the columns of one of its indexes, ` +
        `${indexes.length === 0 ? 'and it has none' : indexes.map((names) => `(${names})`).join(' or ')}. ` +
        'Name the columns in the option indexes of defineView.',
    )
  }
}

/** The same for the same names in any order. */
function indexId(names: readonly string[]): string {
  return names.length === 1 ? (names[0] ?? '') : JSON.stringify(names.toSorted())
}
