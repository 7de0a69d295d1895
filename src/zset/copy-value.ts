import { invariant } from '../core/errors.ts'
import type { Column } from './column.ts'
import { InternedColumn } from './interned-column.ts'

/** Copies the value of a row of one table into a scratch slot of another. */
export type ValueCopy = (from: number, to: number) => void

/**
 * A copy from a column to one of another table that keeps its values in the same form.
 *
 * Throws: INTERNAL.INVARIANT if the forms differ or the two do not share their interner; the copy itself throws
 * CHANGES.UNDECODABLE_VALUE for a NULL that the target says cannot be.
 */
export function makeValueCopy(from: Column, to: Column): ValueCopy {
  const form = `${from.codec.place} is kept as ${from.codec.storage}, ${to.codec.place} as ${to.codec.storage}`
  if (from instanceof InternedColumn) {
    invariant(to instanceof InternedColumn && to.interner === from.interner, form)
    return (source, target) => {
      const id = from.rows.words[source * from.stride + from.offset]!
      if (id === 0) {
        to.setNull(target)
        return
      }
      to.drop(target)
      to.interner.acquire(id)
      to.rows.words[target * to.stride + to.offset] = id
    }
  }
  invariant(to.codec.storage === from.codec.storage && scaleOf(to) === scaleOf(from), form)
  return (source, target) => {
    if (from.isNull(source)) {
      to.setNull(target)
      return
    }
    const at = source * from.stride + from.offset
    writeWords(to, target, from.rows.words[at]!, from.width === 2 ? from.rows.words[at + 1]! : 0)
  }
}

/** Makes a scratch slot hold a value by its words; not for interned columns. */
export function writeWords(to: Column, slot: number, word0: number, word1 = 0): void {
  const { words } = to.rows
  const base = slot * to.stride
  words[base + to.offset] = word0
  if (to.width === 2) words[base + to.offset + 1] = word1
  if (to.nullOffset >= 0) words[base + to.nullOffset]! &= ~to.nullBit
}

function scaleOf({ codec }: Column): number | null {
  return codec.storage === 'float64' ? codec.scale : null
}
