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
  invariant(to.codec.storage === from.codec.storage && scaleOf(to) === scaleOf(from), form)
  if (from instanceof InternedColumn)
    invariant(to instanceof InternedColumn && to.interner === from.interner, form)
  return (source, target) => {
    if (from.isNull(source)) {
      to.setNull(target)
      return
    }
    const at = source * from.stride + from.offset
    const { words } = from.rows
    to.putWords(target, words[at]!, from.width === 2 ? words[at + 1]! : 0)
  }
}

function scaleOf({ codec }: Column): number | null {
  return codec.storage === 'float64' ? codec.scale : null
}
