import type { Interner } from './interner.ts'
import { carryList, type StateCarrier } from './state-carrier.ts'

/** The constants of a block as ids of an interner, held until the block is given up. */
export class HeldTexts {
  readonly interner: Interner
  readonly #ids: number[] = []

  constructor(interner: Interner) {
    this.interner = interner
  }

  /** The id of a text, which stays the same until `dispose`. */
  hold(text: string): number {
    const bytes = Buffer.from(text)
    const id = this.interner.intern(bytes, 0, bytes.length)
    this.#ids.push(id)
    return id
  }

  /** Hands over what it holds; what the former process held in its place is let go of. */
  carry(state: StateCarrier): void {
    const held = carryList(state, this.#ids)
    if (state.isLoading) for (const id of held) this.interner.release(id)
  }

  /** Gives up all of them. */
  dispose(): void {
    for (const id of this.#ids) this.interner.release(id)
    this.#ids.length = 0
  }
}
