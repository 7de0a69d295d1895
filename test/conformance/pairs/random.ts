/** A choice without anything to choose from: what is being made needs something that there is not. */
export class NothingToChoose extends Error {}

/** A small repeatable source of choices (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 and below `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * bound)
  }

  /** True once in so many times. */
  once(inSo: number): boolean {
    return this.below(inSo) === 0
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new NothingToChoose()
    // There is an item at every place below the length.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return items[this.below(items.length)] as T
  }

  shuffle<T>(items: readonly T[]): T[] {
    const left = [...items]
    const mixed: T[] = []
    while (left.length > 0) mixed.push(...left.splice(this.below(left.length), 1))
    return mixed
  }

  /** `count` different items, fewer if there are not so many. */
  sample<T>(items: readonly T[], count: number): T[] {
    return this.shuffle(items).slice(0, count)
  }
}
