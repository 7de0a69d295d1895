import { compareNumericText } from '../values/numeric.ts'
import { parsePgTypeName } from '../values/pg-type.ts'
import type { Column } from '../zset/column.ts'
import { Float64Column } from '../zset/float64-column.ts'
import { Int64Column } from '../zset/int64-column.ts'
import { InternedColumn } from '../zset/interned-column.ts'
import { compareWords } from '../zset/ordered-multiset.ts'
import { compareFloats } from './comparison.ts'

/** One item of ORDER BY over the rows of one table. */
export interface ColumnOrder {
  readonly column: Column
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** The order of two slots of one table: negative, zero or positive. */
export type SlotComparison = (a: number, b: number) => number

/**
 * The order that ORDER BY gives the rows of a table, as Postgres has it: numbers by value, NaN greatest, text by bytes
 * (`COLLATE "C"`), NULLs at the end that each column says. Zero where all columns are equal. A slot of -1, the missing side
 * of a left join, is a row of NULLs.
 */
export function compareColumns(order: readonly ColumnOrder[]): SlotComparison {
  const items = order.map(compareColumn)
  const [first] = items
  if (first !== undefined && items.length === 1) return first
  return (a, b) => {
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index]
      const result = item === undefined ? 0 : item(a, b)
      if (result !== 0) return result
    }
    return 0
  }
}

function compareColumn({ column, descending, nullsFirst }: ColumnOrder): SlotComparison {
  const compare = comparePresent(column)
  const ofNull = nullsFirst ? -1 : 1
  const sign = descending ? -1 : 1
  return (a, b) => {
    const left = a < 0 || column.isNull(a)
    const right = b < 0 || column.isNull(b)
    if (left || right) return left === right ? 0 : left ? ofNull : -ofNull
    return sign * compare(a, b)
  }
}

/** Both values are there. */
function comparePresent(column: Column): SlotComparison {
  const { rows, stride, offset } = column
  if (column instanceof InternedColumn) {
    const { interner } = column
    if (!column.contract.list && parsePgTypeName(column.contract.pgType).base === 'numeric') {
      return (a, b) => {
        const left = rows.words[a * stride + offset]!
        const right = rows.words[b * stride + offset]!
        return left === right ? 0 : compareNumericText(interner.text(left), interner.text(right))
      }
    }
    return (a, b) => interner.compare(rows.words[a * stride + offset]!, rows.words[b * stride + offset]!)
  }
  if (column instanceof Int64Column) {
    return (a, b) => {
      const i = a * stride + offset
      const j = b * stride + offset
      const { words } = rows
      return compareWords(words[i]!, words[i + 1]!, words[j]!, words[j + 1]!)
    }
  }
  if (column instanceof Float64Column) {
    return (a, b) =>
      compareFloats(rows.floats[(a * stride + offset) >>> 1]!, rows.floats[(b * stride + offset) >>> 1]!)
  }
  return (a, b) => rows.words[a * stride + offset]! - rows.words[b * stride + offset]!
}
