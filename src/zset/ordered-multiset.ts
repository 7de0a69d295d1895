import { grownInt32 } from './grow.ts'
import { mix32 } from './hash.ts'
import type { StateCarrier } from './state-carrier.ts'

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
/** A node's words lie together: a step down the tree costs one cache line. */
const STRIDE = 5
const LEFT = 2
const RIGHT = 3
const COUNT = 4

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
  /** Two words of the value, left and right child, count. Nobody is node 0; its left link is the root in work. */
  #nodes: Int32Array = new Int32Array(FIRST_NODES * STRIDE)
  #next = 1
  /** Head of the list of free nodes, linked through the left child. */
  #free = 0

  constructor(compare: WordComparison, holder: ValueHolder | null = null) {
    this.#compare = compare
    this.#holder = holder
  }

  get byteLength(): number {
    return this.#nodes.byteLength
  }

  /** Hands over all sets; their roots are the caller's. */
  carry(state: StateCarrier): void {
    this.#next = state.number(this.#next)
    this.#free = state.number(this.#free)
    this.#nodes = state.int32(this.#nodes, this.#next * STRIDE)
  }

  /** Adds one copy of a value; returns the new root. */
  add(root: number, word0: number, word1: number): number {
    let nodes = this.#nodes
    const priority = mix32(this.#peek())
    nodes[LEFT] = root
    // One way down finds the value, or the link below which every node has a lesser priority than a new one.
    let link = 0
    let below = 0
    let at = LEFT
    for (let node = root; ; node = nodes[at]!) {
      if (link === 0 && (node === 0 || mix32(node) <= priority)) {
        link = at
        below = node
      }
      if (node === 0) break
      const order = this.#compareNode(node, word0, word1)
      if (order === 0) {
        nodes[node * STRIDE + COUNT]! += 1
        return root
      }
      at = node * STRIDE + (order < 0 ? RIGHT : LEFT)
    }
    const node = this.#take(word0, word1)
    nodes = this.#nodes
    nodes[link] = node
    let current = below
    // What lies below is split by the value into the new node's two sides.
    let left = node * STRIDE + LEFT
    let right = node * STRIDE + RIGHT
    while (current !== 0) {
      if (this.#compareNode(current, word0, word1) < 0) {
        nodes[left] = current
        left = current * STRIDE + RIGHT
        current = nodes[left]!
      } else {
        nodes[right] = current
        right = current * STRIDE + LEFT
        current = nodes[right]!
      }
    }
    nodes[left] = 0
    nodes[right] = 0
    return nodes[LEFT] ?? 0
  }

  /** Takes one copy of a value out, which must be there; returns the new root. */
  remove(root: number, word0: number, word1: number): number {
    const nodes = this.#nodes
    nodes[LEFT] = root
    let link = LEFT
    let node = root
    for (;;) {
      if (node === 0) return root
      const order = this.#compareNode(node, word0, word1)
      if (order === 0) break
      link = node * STRIDE + (order < 0 ? RIGHT : LEFT)
      node = nodes[link]!
    }
    const at = node * STRIDE
    nodes[at + COUNT]! -= 1
    if (nodes[at + COUNT] !== 0) return root
    let left = nodes[at + LEFT]!
    let right = nodes[at + RIGHT]!
    while (left !== 0 && right !== 0) {
      if (mix32(left) > mix32(right)) {
        nodes[link] = left
        link = left * STRIDE + RIGHT
        left = nodes[link]!
      } else {
        nodes[link] = right
        link = right * STRIDE + LEFT
        right = nodes[link]!
      }
    }
    nodes[link] = left === 0 ? right : left
    this.#holder?.release(nodes[at]!)
    const result = nodes[LEFT] ?? 0
    nodes[at + LEFT] = this.#free
    this.#free = node
    return result
  }

  /** Gives up what all sets hold; they are of no more use. */
  dispose(): void {
    const nodes = this.#nodes
    for (let at = STRIDE; at < this.#next * STRIDE; at += STRIDE) {
      // That of a free node is 0.
      if (nodes[at + COUNT] !== 0) this.#holder?.release(nodes[at]!)
      nodes[at + COUNT] = 0
    }
  }

  /** The node of the least value, or 0 for the empty set. */
  first(root: number): number {
    return this.#end(root, LEFT)
  }

  /** The node of the greatest value, or 0 for the empty set. */
  last(root: number): number {
    return this.#end(root, RIGHT)
  }

  word0(node: number): number {
    return this.#nodes[node * STRIDE]!
  }

  word1(node: number): number {
    return this.#nodes[node * STRIDE + 1]!
  }

  #end(root: number, side: number): number {
    let node = root
    for (let next = root; next !== 0; next = this.#nodes[node * STRIDE + side]!) node = next
    return node
  }

  /** The number that the next new node gets. */
  #peek(): number {
    return this.#free === 0 ? this.#next : this.#free
  }

  #compareNode(node: number, word0: number, word1: number): number {
    const at = node * STRIDE
    return this.#compare(this.#nodes[at]!, this.#nodes[at + 1]!, word0, word1)
  }

  #take(word0: number, word1: number): number {
    let node = this.#free
    if (node !== 0) this.#free = this.#nodes[node * STRIDE + LEFT]!
    else {
      node = this.#next
      this.#next += 1
      if (node * STRIDE === this.#nodes.length) this.#nodes = grownInt32(this.#nodes, node * STRIDE * 2)
    }
    const at = node * STRIDE
    this.#nodes[at] = word0
    this.#nodes[at + 1] = word1
    this.#nodes[at + COUNT] = 1
    this.#holder?.acquire(word0)
    return node
  }
}
