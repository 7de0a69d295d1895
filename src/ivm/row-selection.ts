import type { Column } from '../zset/column.ts'
import { makeValueCopy, type ValueCopy } from '../zset/copy-value.ts'
import { ROW_KEY } from '../zset/row-key.ts'
import type { SourceTable } from '../zset/source-table.ts'

const KEY_AT: readonly number[] = [0]

/** Some rows of a table as a derived table; the key of a row there is its slot in the input. */
export class RowSelection {
  /** The input's columns that the output shows. */
  readonly columns: readonly Column[]
  readonly #output: SourceTable
  readonly #key: Column
  readonly #copies: readonly ValueCopy[]
  readonly #keyWord = new Int32Array(1)
  /** How many rows were looked at so far. */
  looks = 0

  constructor(input: SourceTable, output: SourceTable) {
    this.#output = output
    this.#key = output.column(ROW_KEY)
    const shown = output.columns.filter((column) => column !== this.#key)
    this.columns = shown.map(({ contract }) => input.column(contract.field))
    this.#copies = shown.map((column) => makeValueCopy(input.column(column.contract.field), column))
  }

  /** Shows or hides a row; one that is shown already is written again only if it has changed. */
  show(slot: number, inside: boolean, changed: boolean): void {
    this.looks += 1
    const output = this.#output
    this.#keyWord[0] = slot
    const shown = output.findWords(this.#keyWord, 0, KEY_AT)
    if (!inside) {
      if (shown >= 0) output.remove(shown)
      return
    }
    if (shown >= 0 && !changed) return
    const row = output.allocate()
    this.#key.putWords(row, slot, 0)
    for (const copy of this.#copies) copy(slot, row)
    if (shown < 0) output.insert(row)
    else output.replace(shown, row)
  }
}
