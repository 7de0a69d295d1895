import type { Messages } from './messages.ts'

/** Reads the fields of one message after another, as cheaply as it can be done: what the sides use that are not ours. */
export class TupleReader {
  readonly #messages: Messages
  #at = 0

  constructor(messages: Messages) {
    this.#messages = messages
  }

  /** Stands before the first field of a message. */
  open(index: number): void {
    this.#at = this.#messages.body(index) + 3
  }

  /** The next field, a whole number without a sign. */
  integer(): number {
    const { buffer } = this.#messages
    let at = this.#at + 5
    const end = at + this.#length(buffer)
    let value = 0
    for (; at < end; at += 1) value = value * 10 + buffer[at]! - 48
    this.#at = end
    return value
  }

  /** The next field as text. */
  text(): string {
    const { buffer } = this.#messages
    const start = this.#at + 5
    this.#at = start + this.#length(buffer)
    return buffer.toString('latin1', start, this.#at)
  }

  #length(buffer: Buffer): number {
    const at = this.#at
    return (buffer[at + 1]! << 24) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 8) | buffer[at + 4]!
  }
}
