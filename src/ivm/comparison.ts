import { compareNumericText, formatScaled } from '../values/numeric.ts'
import type { ValueCodec } from '../values/value-codec.ts'
import type { Column } from '../zset/column.ts'
import { Float64Column } from '../zset/float64-column.ts'
import { Int32Column } from '../zset/int32-column.ts'
import { Int64Column } from '../zset/int64-column.ts'
import { InternedColumn } from '../zset/interned-column.ts'
import type { HeldTexts } from '../zset/held-texts.ts'
import type { Interner } from '../zset/interner.ts'
import { compareWords } from '../zset/ordered-multiset.ts'
import { bigintOfWords } from '../values/read-number.ts'

/** The current tuple of a view: one slot a source, -1 for the missing side of a left join. */
export type Tuple = Int32Array

/** A column of the current tuple. */
export interface ColumnOperand {
  readonly kind: 'column'
  readonly source: number
  readonly column: Column
}

/** A constant that is not NULL, in wire text. */
export interface LiteralOperand {
  readonly kind: 'literal'
  readonly text: string
}

export type Operand = ColumnOperand | LiteralOperand

/** Negative, zero or positive; called only while both sides are not NULL. */
export type Comparison = () => number

/**
 * The order of two operands as Postgres has it: numbers by value whatever their types, NaN greatest and equal to
 * itself, text by bytes (`COLLATE "C"`).
 *
 * Returns undefined if the two cannot be compared.
 */
export function makeComparison(
  tuple: Tuple,
  left: Operand,
  right: Operand,
  texts: HeldTexts,
): Comparison | undefined {
  if (left.kind === 'literal') {
    if (right.kind === 'literal') return undefined
    const flipped = makeComparison(tuple, right, left, texts)
    return flipped === undefined ? undefined : () => -flipped()
  }
  if (right.kind === 'literal') return withLiteral(tuple, left, right.text, texts)
  return betweenColumns(tuple, left, right, texts.interner)
}

/** The order of two doubles as Postgres has it. */
export function compareFloats(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0)
}

function betweenColumns(
  tuple: Tuple,
  left: ColumnOperand,
  right: ColumnOperand,
  interner: Interner,
): Comparison | undefined {
  const a = left.column
  const b = right.column
  if (isNumeric(a) && isNumeric(b)) {
    const plain = plainScale(a)
    if (plain === null || plain !== plainScale(b)) {
      const leftText = numericText(tuple, left)
      const rightText = numericText(tuple, right)
      return () => compareNumericText(leftText(), rightText())
    }
  } else if (isNumeric(a) !== isNumeric(b) || a.codec.storage !== b.codec.storage) return undefined
  if (a.codec.storage === 'int64') {
    const leftAt = wordAt(tuple, left)
    const rightAt = wordAt(tuple, right)
    return () => {
      const i = leftAt()
      const j = rightAt()
      return compareWords(a.rows.words[i]!, a.rows.words[i + 1]!, b.rows.words[j]!, b.rows.words[j + 1]!)
    }
  }
  if (a.interned) {
    const leftAt = wordAt(tuple, left)
    const rightAt = wordAt(tuple, right)
    return () => interner.compare(a.rows.words[leftAt()]!, b.rows.words[rightAt()]!)
  }
  const leftNumber = readNumber(tuple, left)
  const rightNumber = readNumber(tuple, right)
  return () => compareFloats(leftNumber(), rightNumber())
}

function withLiteral(
  tuple: Tuple,
  left: ColumnOperand,
  text: string,
  texts: HeldTexts,
): Comparison | undefined {
  const { column } = left
  if (isNumeric(column)) {
    const scale = plainScale(column)
    // A literal with more digits than the column is compared by its exact value.
    const fits = scale !== null && fitsColumn(column.codec, text)
    if (!fits) {
      const read = numericText(tuple, left)
      return () => compareNumericText(read(), text)
    }
  }
  if (column instanceof InternedColumn) {
    const id = texts.hold(text)
    const { interner } = texts
    const at = wordAt(tuple, left)
    return () => interner.compare(column.rows.words[at()]!, id)
  }
  const bytes = Buffer.from(text)
  if (column instanceof Int64Column) {
    const parsed = new Int32Array(2)
    column.codec.parse(bytes, 0, bytes.length, parsed)
    const at = wordAt(tuple, left)
    const high = parsed[0] ?? 0
    const low = parsed[1] ?? 0
    return () => {
      const i = at()
      return compareWords(column.rows.words[i]!, column.rows.words[i + 1]!, high, low)
    }
  }
  if (column instanceof Int32Column || column instanceof Float64Column) {
    const constant = column.codec.parse(bytes, 0, bytes.length)
    const read = readNumber(tuple, left)
    return () => compareFloats(read(), constant)
  }
  return undefined
}

function fitsColumn(codec: ValueCodec, text: string): boolean {
  const bytes = Buffer.from(text)
  try {
    if (codec.storage === 'int64') codec.parse(bytes, 0, bytes.length, new Int32Array(2))
    else if (codec.storage !== 'bytes') codec.parse(bytes, 0, bytes.length)
    return codec.storage !== 'bytes'
  } catch {
    return false
  }
}

function isNumeric({ contract }: Column): boolean {
  return contract.type === 'Int' || contract.type === 'BigInt' || contract.type === 'Decimal'
}

/** Columns of one plain scale hold comparable words; null: only the exact text tells. */
function plainScale(column: Column): string | null {
  if (column instanceof Int32Column) return '0'
  if (column instanceof Int64Column) return 'int64'
  if (column instanceof Float64Column) return String(column.codec.scale)
  return null
}

function wordAt(tuple: Tuple, { source, column }: ColumnOperand): () => number {
  const { stride, offset } = column
  return () => tuple[source]! * stride + offset
}

function readNumber(tuple: Tuple, operand: ColumnOperand): () => number {
  const at = wordAt(tuple, operand)
  const { rows } = operand.column
  return operand.column instanceof Float64Column ? () => rows.floats[at() >>> 1]! : () => rows.words[at()]!
}

function numericText(tuple: Tuple, operand: ColumnOperand): () => string {
  const { column } = operand
  const at = wordAt(tuple, operand)
  if (column instanceof InternedColumn) return () => column.interner.text(column.rows.words[at()]!)
  if (column instanceof Int64Column) {
    return () => bigintOfWords(column.rows.words[at()]!, column.rows.words[at() + 1]!).toString()
  }
  const read = readNumber(tuple, operand)
  const scale = column instanceof Float64Column ? (column.codec.scale ?? 0) : 0
  return () => {
    const value = read()
    return Number.isNaN(value) ? 'NaN' : formatScaled(value, scale)
  }
}
