import { formatArrayLiteral } from '../../values/array-literal.ts'
import type { StoredValues } from '../view-store.ts'
import type { NullPattern } from './row-sql.ts'

/** What one statement takes at most. */
const MAX_ROWS = 5_000
const MAX_CHARACTERS = 8_000_000

/** Rows of one statement. */
export interface RowPiece {
  /** Which columns of the key are NULL in all of them. */
  readonly nulls: NullPattern
  /** One array literal for each column. */
  readonly parameters: readonly string[]
}

/**
 * Takes rows apart into what one statement writes each, one array literal a column.
 *
 * `key`: positions of the key's columns; `width`: how many columns there are.
 */
export function* rowPieces(
  rows: readonly StoredValues[],
  key: readonly number[],
  width: number,
): Generator<RowPiece> {
  for (const [pattern, alike] of byNulls(rows, key)) {
    const nulls = Array.from(pattern, (mark) => mark === 'n')
    let piece: StoredValues[] = []
    let characters = 0
    for (const row of alike) {
      piece.push(row)
      for (const value of row) characters += value?.length ?? 0
      if (piece.length >= MAX_ROWS || characters >= MAX_CHARACTERS) {
        yield { nulls, parameters: literals(piece, width) }
        piece = []
        characters = 0
      }
    }
    if (piece.length > 0) yield { nulls, parameters: literals(piece, width) }
  }
}

/** By a letter for each column of the key. */
function byNulls(
  rows: readonly StoredValues[],
  key: readonly number[],
): ReadonlyMap<string, readonly StoredValues[]> {
  const groups = new Map<string, StoredValues[]>()
  for (const row of rows) {
    let pattern = ''
    for (const position of key) pattern += row[position] === null ? 'n' : 'v'
    const group = groups.get(pattern)
    if (group === undefined) groups.set(pattern, [row])
    else group.push(row)
  }
  return groups
}

function literals(rows: readonly StoredValues[], width: number): readonly string[] {
  return Array.from({ length: width }, (_, at) => formatArrayLiteral(rows.map((row) => row[at] ?? null)))
}
