/**
 * Row changes as the WAL has them, one after the other in one buffer: what a walsender sends, without its frames.
 *
 * Every side of a bench gets the same bytes and decodes them while the clock runs, so nobody works on objects that are there
 * already.
 */
export class Messages {
  #buffer: Buffer = Buffer.allocUnsafeSlow(1 << 16)
  #end = 0
  /** Where each message begins; where the last ends. */
  #starts: Int32Array = new Int32Array(1 << 10)
  #count = 0

  /** How many there are. */
  get count(): number {
    return this.#count
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  /** Bytes of the buffer and of the positions. */
  get byteLength(): number {
    return this.#buffer.length + this.#starts.byteLength
  }

  /** Adds an Insert, an Update or a Delete: the row's values as ASCII text. In a Delete's row all but the key are null. */
  add(tag: 'I' | 'U' | 'D', oid: number, row: readonly (string | null)[]): void {
    let length = HEADER
    for (const text of row) length += FIELD + (text ?? '').length
    this.#makeRoom(length)
    const buffer = this.#buffer
    let at = this.#end
    buffer[at] = tag.charCodeAt(0)
    buffer.writeInt32BE(oid, at + 1)
    buffer[at + 5] = tag === 'D' ? KEY : NEW
    buffer.writeInt16BE(row.length, at + 6)
    at += HEADER
    for (const text of row) {
      if (text === null) {
        buffer[at] = NULL
        at += 1
        continue
      }
      buffer[at] = TEXT
      buffer.writeInt32BE(text.length, at + 1)
      buffer.write(text, at + FIELD, 'latin1')
      at += FIELD + text.length
    }
    this.#count += 1
    this.#end = at
    this.#starts[this.#count] = at
  }

  /** The byte that says what a message is. */
  tag(index: number): number {
    return this.#buffer[this.#starts[index]!]!
  }

  /** Where its body begins, after the relation's oid. */
  body(index: number): number {
    return this.#starts[index]! + 5
  }

  /** Where it ends. */
  end(index: number): number {
    return this.#starts[index + 1]!
  }

  #makeRoom(length: number): void {
    if (this.#end + length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(this.#buffer.length * 2)
      this.#buffer.copy(grown, 0, 0, this.#end)
      this.#buffer = grown
    }
    if (this.#count + 2 > this.#starts.length) {
      const grown = new Int32Array(this.#starts.length * 2)
      grown.set(this.#starts)
      this.#starts = grown
    }
  }
}

const HEADER = 8
const FIELD = 5
const KEY = 0x4b // K
const NEW = 0x4e // N
const NULL = 0x6e // n
const TEXT = 0x74 // t
