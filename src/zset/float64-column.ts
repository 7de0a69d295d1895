import type { Float64Codec } from '../values/value-codec.ts'
import type { Value } from '../values/value.ts'
import { Column, type ColumnPlace } from './column.ts'

const VALUE = new Float64Array(1)
const WORDS = new Int32Array(VALUE.buffer)

/** A column of doubles: floats, or decimals as integers in units of 10^-scale. */
export class Float64Column extends Column {
  override readonly codec: Float64Codec
  override readonly width = 2
  override readonly interned = false

  constructor(codec: Float64Codec, place: ColumnPlace) {
    super(codec.column, place)
    this.codec = codec
  }

  override read(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const value = this.codec.parse(bytes, start, end)
    const base = slot * this.stride
    this.rows.floats[(base + this.offset) >>> 1] = value
    this.clearNull(base)
  }

  override copy(from: number, to: number): void {
    const { words } = this.rows
    const source = from * this.stride + this.offset
    const target = to * this.stride + this.offset
    words[target] = words[source]!
    words[target + 1] = words[source + 1]!
    this.copyNull(from, to)
  }

  override valueOfWords(word0: number, word1: number): Value {
    WORDS[0] = word0
    WORDS[1] = word1
    return this.codec.valueOf(VALUE[0]!)
  }

  override valueOf(slot: number): Value {
    if (this.isNull(slot)) return null
    return this.codec.valueOf(this.rows.floats[(slot * this.stride + this.offset) >>> 1]!)
  }

  override put(slot: number, value: Value): void {
    if (value === null) {
      this.setNull(slot)
      return
    }
    const base = slot * this.stride
    this.rows.floats[(base + this.offset) >>> 1] = this.codec.keptOf(value)
    this.clearNull(base)
  }

  override publicOf(word0: number, word1: number): unknown {
    WORDS[0] = word0
    WORDS[1] = word1
    return this.codec.publicOf(VALUE[0]!)
  }

  override writeWords(value: unknown, out: Int32Array, at: number): boolean {
    return this.writeText(this.codec.textFromPublic(value), out, at)
  }

  override writeText(text: string, out: Int32Array, at: number): boolean {
    const bytes = Buffer.from(text)
    VALUE[0] = this.codec.parse(bytes, 0, bytes.length)
    out[at] = WORDS[0]!
    out[at + 1] = WORDS[1]!
    return true
  }
}
