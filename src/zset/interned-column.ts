import type { BytesCodec } from '../values/value-codec.ts'
import type { Value } from '../values/value.ts'
import { Column, type ColumnPlace } from './column.ts'
import type { Interner } from './interner.ts'

/** A column of interned wire bytes: one word, zero for NULL. A slot holds its id until `drop`. */
export class InternedColumn extends Column {
  override readonly codec: BytesCodec
  override readonly width = 1
  override readonly interned = true
  readonly interner: Interner

  constructor(codec: BytesCodec, place: ColumnPlace, interner: Interner) {
    super(codec.column, place)
    this.codec = codec
    this.interner = interner
  }

  override read(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const id = this.interner.intern(bytes, start, end)
    const at = slot * this.stride + this.offset
    const { words } = this.rows
    if (words[at] !== 0) this.interner.release(words[at]!)
    words[at] = id
  }

  override copy(from: number, to: number): void {
    const { words } = this.rows
    const id = words[from * this.stride + this.offset]!
    const at = to * this.stride + this.offset
    this.interner.acquire(id)
    this.interner.release(words[at]!)
    words[at] = id
  }

  override putWords(slot: number, word0: number): void {
    const at = slot * this.stride + this.offset
    const { words } = this.rows
    this.interner.acquire(word0)
    this.interner.release(words[at]!)
    words[at] = word0
  }

  /** Gives up what the slot holds. */
  drop(slot: number): void {
    const at = slot * this.stride + this.offset
    const { words } = this.rows
    this.interner.release(words[at]!)
    words[at] = 0
  }

  override setNull(slot: number): void {
    if (!this.contract.nullable && !this.contract.list) super.setNull(slot)
    this.drop(slot)
  }

  override isNull(slot: number): boolean {
    return this.rows.words[slot * this.stride + this.offset] === 0
  }

  override valueOfWords(word0: number): Value {
    return this.codec.valueOf(this.interner.text(word0))
  }

  override valueOf(slot: number): Value {
    const id = this.rows.words[slot * this.stride + this.offset]!
    return id === 0 ? null : this.codec.valueOf(this.interner.text(id))
  }

  override put(slot: number, value: Value): void {
    if (value === null) {
      this.setNull(slot)
      return
    }
    const bytes = Buffer.from(this.codec.textOf(value))
    this.read(slot, bytes, 0, bytes.length)
  }

  override text(slot: number): string | null {
    const id = this.rows.words[slot * this.stride + this.offset]!
    return id === 0 ? null : this.interner.text(id)
  }

  override publicOf(word0: number): unknown {
    return this.codec.publicFromText(this.interner.text(word0))
  }

  override writeWords(value: unknown, out: Int32Array, at: number): boolean {
    return this.writeText(this.codec.textFromPublic(value), out, at)
  }

  override writeText(text: string, out: Int32Array, at: number): boolean {
    const id = isShortAscii(text) ? this.interner.find(SHORT, 0, text.length) : this.#findLong(text)
    out[at] = id
    return id !== 0
  }

  #findLong(text: string): number {
    const bytes = Buffer.from(text)
    return this.interner.find(bytes, 0, bytes.length)
  }
}

const SHORT = new Uint8Array(64)

/** Whether a text fits into SHORT, one byte a character, as most keys do; it then is there. */
function isShortAscii(text: string): boolean {
  const { length } = text
  if (length > SHORT.length) return false
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return false
    SHORT[index] = code
  }
  return true
}
