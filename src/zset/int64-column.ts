import type { Int64Codec } from '../values/value-codec.ts'
import type { Value } from '../values/value.ts'
import { Column, type ColumnPlace } from './column.ts'

const PARSED = new Int32Array(2)

/** A column of 64-bit values: the high word, then the low one. No BigInt is made until a value is shown. */
export class Int64Column extends Column {
  override readonly codec: Int64Codec
  override readonly width = 2
  override readonly interned = false

  constructor(codec: Int64Codec, place: ColumnPlace) {
    super(codec.column, place)
    this.codec = codec
  }

  override read(slot: number, bytes: Uint8Array, start: number, end: number): void {
    this.codec.parse(bytes, start, end, PARSED)
    const base = slot * this.stride
    const { words } = this.rows
    words[base + this.offset] = PARSED[0]!
    words[base + this.offset + 1] = PARSED[1]!
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
    return this.codec.valueOf(word0, word1)
  }

  override valueOf(slot: number): Value {
    if (this.isNull(slot)) return null
    const at = slot * this.stride + this.offset
    const { words } = this.rows
    return this.codec.valueOf(words[at]!, words[at + 1]!)
  }

  override put(slot: number, value: Value): void {
    if (value === null) {
      this.setNull(slot)
      return
    }
    this.codec.write(value, PARSED)
    const base = slot * this.stride
    const { words } = this.rows
    words[base + this.offset] = PARSED[0]!
    words[base + this.offset + 1] = PARSED[1]!
    this.clearNull(base)
  }

  override publicOf(word0: number, word1: number): unknown {
    return this.codec.publicOf(word0, word1)
  }

  override writeWords(value: unknown, out: Int32Array, at: number): boolean {
    // A key that is a bigint needs no way through text.
    if (this.contract.type === 'BigInt' && typeof value === 'bigint') {
      const number = Number(value)
      if (Number.isSafeInteger(number)) {
        out[at] = Math.floor(number / 0x1_0000_0000)
        out[at + 1] = number
        return true
      }
    }
    return this.writeText(this.codec.textFromPublic(value), out, at)
  }

  override writeText(text: string, out: Int32Array, at: number): boolean {
    const bytes = Buffer.from(text)
    this.codec.parse(bytes, 0, bytes.length, PARSED)
    out[at] = PARSED[0]!
    out[at + 1] = PARSED[1]!
    return true
  }
}
