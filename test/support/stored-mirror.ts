import type pg from 'pg'
import type { PendingRows, RowTexts } from '../../src/ivm/pending-rows.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import { queryOutputs } from '../../src/views/query-outputs.ts'
import { TEXT_SETTINGS } from './canonical-text.ts'

/** What somebody has who is given what changes of a view's rows: they must be those of the view's SQL, text for text. */
export class StoredMirror {
  readonly #view: ViewDefinition
  readonly #pending: PendingRows
  readonly #rows = new Map<string, RowTexts>()

  constructor(view: ViewDefinition, pending: PendingRows) {
    this.#view = view
    this.#pending = pending
    pending.follow()
    pending.markAll()
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
  async compare(client: pg.ClientBase): Promise<readonly string[]> {
    await client.query(TEXT_SETTINGS)
    const outputs = queryOutputs(this.#view.ir.query)
    const { rows } = await client.query<(string | null)[]>({
      text: this.#view.sql,
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text },
    })
    const canonical = (row: RowTexts): string =>
      JSON.stringify(row.map((text, at) => canonicalText(text, outputs[at]?.expression.type.pgType ?? '')))
    const expected = new Set(rows.map(canonical))
    const actual = new Set([...this.#rows.values()].map(canonical))
    return [
      ...[...expected].filter((row) => !actual.has(row)).map((row) => `${this.#view.name}: lacks ${row}`),
      ...[...actual].filter((row) => !expected.has(row)).map((row) => `${this.#view.name}: has ${row}`),
    ]
  }

  #keyOf(row: RowTexts): string {
    const names = queryOutputs(this.#view.ir.query).map(({ name }) => name)
    return JSON.stringify((this.#view.ir.key ?? []).map((name) => row[names.indexOf(name)]))
  }
}

/** Texts that mean one value of a type are one text: the order of members in JSON, the exponent of a float. */
function canonicalText(text: string | null, pgType: string): unknown {
  if (text === null) return null
  if (pgType === 'jsonb' || pgType === 'json') return sorted(JSON.parse(text))
  return pgType === 'double precision' || pgType === 'real' ? Number(text) : text
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}
