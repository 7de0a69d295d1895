import type { Int32Codec } from '../values/value-codec.ts'
import type { Value } from '../values/value.ts'
import { Column, type ColumnPlace } from './column.ts'

/** A column of 32-bit values: one word. */
export class Int32Column extends Column {
  override readonly codec: Int32Codec
  override readonly width = 1
  override readonly interned = false

  constructor(codec: Int32Codec, place: ColumnPlace) {
    super(codec.column, place)
    this.codec = codec
  }

  override read(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const value = this.codec.parse(bytes, start, end)
    const base = slot * this.stride
    this.rows.words[base + this.offset] = value
    this.clearNull(base)
  }

  override copy(from: number, to: number): void {
    const { words } = this.rows
    words[to * this.stride + this.offset] = words[from * this.stride + this.offset]!
    this.copyNull(from, to)
  }

  override valueOfWords(word0: number): Value {
    return this.codec.valueOf(word0)
  }

  override valueOf(slot: number): Value {
    return this.isNull(slot) ? null : this.codec.valueOf(this.rows.words[slot * this.stride + this.offset]!)
  }

  override put(slot: number, value: Value): void {
    if (value === null) {
      this.setNull(slot)
      return
    }
    const base = slot * this.stride
    this.rows.words[base + this.offset] = this.codec.keptOf(value)
    this.clearNull(base)
  }

  override publicOf(word0: number): unknown {
    return this.codec.publicOf(word0)
  }

  override writeWords(value: unknown, out: Int32Array, at: number): boolean {
    // A key that is a number needs no way through text.
    if (this.contract.type === 'Int' && Number.isInteger(value)) {
      out[at] = Number(value)
      return out[at] === value
    }
    return this.writeText(this.codec.textFromPublic(value), out, at)
  }

  override writeText(text: string, out: Int32Array, at: number): boolean {
    const bytes = Buffer.from(text)
    out[at] = this.codec.parse(bytes, 0, bytes.length)
    return true
  }
}
