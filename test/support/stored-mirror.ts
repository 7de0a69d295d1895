import type pg from 'pg'
import type { PendingRows, RowTexts, StoredRows } from '../../src/ivm/pending-rows.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import { queryOutputs } from '../../src/views/query-outputs.ts'
import { storedDifferences } from './stored-rows.ts'

/** What somebody has who is given what changes of a view's rows: they must be those of the view's SQL, text for text. */
export class StoredMirror {
  readonly #view: ViewDefinition
  readonly #pending: PendingRows
  readonly #rows = new Map<string, RowTexts>()

  constructor(view: ViewDefinition, rows: StoredRows) {
    this.#view = view
    this.#pending = rows.follow()
    this.#pending.markAll()
  }

  /** Takes in what waits. `isLost`: the first attempt fails, and it waits again. */
  write(isLost = false): void {
    const batch = this.#pending.take()
    if (isLost) {
      this.#pending.restore(batch)
      this.write()
      return
    }
    for (const key of batch.gone) this.#rows.delete(JSON.stringify(key))
    for (const row of this.#pending.rows(batch.changed)) this.#rows.set(this.#keyOf(row), row)
  }

  /** Rows on which the two disagree, in a line each. */
  compare(client: pg.ClientBase): Promise<readonly string[]> {
    return storedDifferences(this.#view, this.#rows.values(), client)
  }

  #keyOf(row: RowTexts): string {
    const names = queryOutputs(this.#view.ir.query).map(({ name }) => name)
    return JSON.stringify((this.#view.ir.key ?? []).map((name) => row[names.indexOf(name)]))
  }
}
