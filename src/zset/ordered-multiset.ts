import { grownInt32 } from './grow.ts'
import { mix32 } from './hash.ts'

/**
 * How two values of two words each compare: numbers of every kind by {@link compareWords}, interned ids by
 * their text or their numeric value.
 */
export type WordComparison = (a0: number, a1: number, b0: number, b1: number) => number

/** What is told when a value is first kept and when its last copy is gone, so that ids stay held. */
export interface ValueHolder {
  acquire(word0: number): void
  release(word0: number): void
}

/** High word signed, low word unsigned. */
export function compareWords(a0: number, a1: number, b0: number, b1: number): number {
  if (a0 !== b0) return a0 < b0 ? -1 : 1
  return (a1 >>> 0) - (b1 >>> 0)
}

const FIRST_NODES = 64

/**
 * Many multisets over one pool of nodes, each known by its root; for `min` and `max` under deletes.
 *
 * State: 20 bytes a distinct value of a set.
 * Cost: O(log n) expected a change and a question. Equal values share a node with a count.
 * Shape: a treap whose priorities are a mix of the node numbers, so a history always gives the same tree. Root 0 is the
 *   empty set; every change returns the new root.
 */
export class OrderedMultiset {
  readonly #compare: WordComparison
  readonly #holder: ValueHolder | null
  #words: Int32Array = new Int32Array(FIRST_NODES * 2)
  /** Left child at 2n, right child at 2n + 1; node 0 is nobody, and its left link is the root in work. */
  #children: Int32Array = new Int32Array(FIRST_NODES * 2)
  #counts: Int32Array = new Int32Array(FIRST_NODES)
  #next = 1
  /** Head of the list of free nodes, linked through the left child. */
  #free = 0

  constructor(compare: WordComparison, holder: ValueHolder | null = null) {
    this.#compare = compare
    this.#holder = holder
  }

  get byteLength(): number {
    return this.#words.byteLength + this.#children.byteLength + this.#counts.byteLength
  }

  /** Adds one copy of a value; returns the new root. */
  add(root: number, word0: number, word1: number): number {
    const known = this.#find(root, word0, word1)
    if (known !== 0) {
      this.#counts[known]! += 1
      return root
    }
    const node = this.#take(word0, word1)
    const priority = mix32(node)
    const children = this.#children
    children[0] = root
    let link = 0
    let current = root
    while (current !== 0 && mix32(current) > priority) {
      link = current * 2 + (this.#compareNode(current, word0, word1) < 0 ? 1 : 0)
      current = children[link]!
    }
    children[link] = node
    // What lies below is split by the value into the new node's two sides.
    let left = node * 2
    let right = node * 2 + 1
    while (current !== 0) {
      if (this.#compareNode(current, word0, word1) < 0) {
        children[left] = current
        left = current * 2 + 1
        current = children[left]!
      } else {
        children[right] = current
        right = current * 2
        current = children[right]!
      }
    }
    children[left] = 0
    children[right] = 0
    return children[0]!
  }

  /** Takes one copy of a value out, which must be there; returns the new root. */
  remove(root: number, word0: number, word1: number): number {
    const children = this.#children
    children[0] = root
    let link = 0
    let node = root
    for (;;) {
      if (node === 0) return root
      const order = this.#compareNode(node, word0, word1)
      if (order === 0) break
      link = node * 2 + (order < 0 ? 1 : 0)
      node = children[link]!
    }
    this.#counts[node]! -= 1
    if (this.#counts[node] !== 0) return root
    let left = children[node * 2]!
    let right = children[node * 2 + 1]!
    while (left !== 0 && right !== 0) {
      if (mix32(left) > mix32(right)) {
        children[link] = left
        link = left * 2 + 1
        left = children[link]!
      } else {
        children[link] = right
        link = right * 2
        right = children[link]!
      }
    }
    children[link] = left === 0 ? right : left
    this.#holder?.release(this.#words[node * 2]!)
    const result = children[0]!
    children[node * 2] = this.#free
    this.#free = node
    return result
  }

  /** The node of the least value, or 0 for the empty set. */
  first(root: number): number {
    let node = root
    while (node !== 0 && this.#children[node * 2] !== 0) node = this.#children[node * 2]!
    return node
  }

  /** The node of the greatest value, or 0 for the empty set. */
  last(root: number): number {
    let node = root
    while (node !== 0 && this.#children[node * 2 + 1] !== 0) node = this.#children[node * 2 + 1]!
    return node
  }

  word0(node: number): number {
    return this.#words[node * 2]!
  }

  word1(node: number): number {
    return this.#words[node * 2 + 1]!
  }

  #find(root: number, word0: number, word1: number): number {
    let node = root
    while (node !== 0) {
      const order = this.#compareNode(node, word0, word1)
      if (order === 0) return node
      node = this.#children[node * 2 + (order < 0 ? 1 : 0)]!
    }
    return 0
  }

  #compareNode(node: number, word0: number, word1: number): number {
    return this.#compare(this.#words[node * 2]!, this.#words[node * 2 + 1]!, word0, word1)
  }

  #take(word0: number, word1: number): number {
    let node = this.#free
    if (node !== 0) this.#free = this.#children[node * 2]!
    else {
      node = this.#next
      this.#next += 1
      if (node === this.#counts.length) {
        this.#words = grownInt32(this.#words, node * 4)
        this.#children = grownInt32(this.#children, node * 4)
        this.#counts = grownInt32(this.#counts, node * 2)
      }
    }
    this.#words[node * 2] = word0
    this.#words[node * 2 + 1] = word1
    this.#counts[node] = 1
    this.#holder?.acquire(word0)
    return node
  }
}
