import type { DecimalLike } from '../contract/schema-contract.ts'

/** A decimal that is only printed: its text as the server sent it, every digit of it. */
export class ExactDecimal implements DecimalLike {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toFixed(): string {
    return this.#text
  }

  toString(): string {
    return this.#text
  }

  toJSON(): string {
    return this.#text
  }
}
