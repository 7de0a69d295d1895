import { invariant } from '../core/errors.ts'
import { grownInt32 } from './grow.ts'
import { mix32 } from './hash.ts'
import type { StateCarrier } from './state-carrier.ts'

const FIRST_NODES = 64
const FIRST_PARTITIONS = 16
/** A node's words lie together: a step down the tree costs one cache line. */
const STRIDE = 4
const LEFT = 1
const RIGHT = 2
const SIZE = 3

/**
 * Rows of a table in an order of their own, in many partitions: the rows of each group, or of each parent.
 *
 * Meaning: a slot's place is told by `compare`, which reads the row; slots that compare as equal stand in the order of
 *   their numbers. One slot may be in several partitions, and several times in one, as a join brings it.
 * Order: a slot is inserted while its row has its values and removed while it still has them; a row whose order changes
 *   is removed before and inserted after.
 * State: 16 bytes a slot and 4 a partition; nodes are used again.
 * Cost: O(log n) expected comparisons a change, O(log n) steps to a rank, O(1) a further slot.
 * Shape: treaps over one pool of nodes. Priorities are a mix of the node numbers, so a history always gives the same
 *   tree. Node 0 is nobody: its size is 0, and its left child is the root in work.
 */
export class OrderedSlots {
  /** Comparisons since the start: a measure of work. */
  comparisons = 0
  readonly #compare: (a: number, b: number) => number
  /** Slot, left and right child, nodes of the subtree. */
  #nodes: Int32Array = new Int32Array(FIRST_NODES * STRIDE)
  #roots: Int32Array = new Int32Array(FIRST_PARTITIONS)
  #next = 1
  /** Head of the list of free nodes, linked through the left child. */
  #free = 0
  /** Nodes on the way, from the top. */
  readonly #path: number[] = []

  /** `compare` gives the order of two slots' rows; it reads the rows as they are. */
  constructor(compare: (a: number, b: number) => number) {
    this.#compare = compare
  }

  get byteLength(): number {
    return this.#nodes.byteLength + this.#roots.byteLength
  }

  /** Hands over which slots stand where; their rows are their table's to carry. */
  carry(state: StateCarrier): void {
    this.#next = state.number(this.#next)
    this.#free = state.number(this.#free)
    this.#nodes = state.int32(this.#nodes, this.#next * STRIDE)
    this.#roots = state.int32(this.#roots, this.#roots.length)
  }

  /** How many slots a partition has; 0 for one that was never used. */
  size(partition: number): number {
    return this.#nodes[this.#root(partition) * STRIDE + SIZE]!
  }

  /** Puts a slot into its place. */
  insert(partition: number, slot: number): void {
    if (partition >= this.#roots.length) this.#growRoots(partition)
    const fresh = this.#take(slot)
    const nodes = this.#nodes
    const priority = mix32(fresh)
    nodes[LEFT] = this.#roots[partition]!
    let link = LEFT
    let node = nodes[LEFT]
    // Down to the first node of a lesser priority; every node passed gets one more below it.
    while (node !== 0 && mix32(node) > priority) {
      nodes[node * STRIDE + SIZE]! += 1
      link = node * STRIDE + (this.#order(node, slot) <= 0 ? RIGHT : LEFT)
      node = nodes[link]!
    }
    nodes[link] = fresh
    this.#split(node, slot, fresh)
    this.#roots[partition] = nodes[LEFT]!
  }

  /**
   * Takes a slot out once, while it still has the values that it was inserted with.
   *
   * Throws: INTERNAL.INVARIANT if the partition does not have it, or if its row has changed meanwhile.
   */
  remove(partition: number, slot: number): void {
    const nodes = this.#nodes
    nodes[LEFT] = this.#root(partition)
    let link = LEFT
    let node = nodes[LEFT]
    for (;;) {
      invariant(node !== 0, 'an ordered row is not where its values say')
      const order = this.#order(node, slot)
      if (order === 0) break
      nodes[node * STRIDE + SIZE]! -= 1
      link = node * STRIDE + (order < 0 ? RIGHT : LEFT)
      node = nodes[link]!
    }
    this.#merge(link, nodes[node * STRIDE + LEFT]!, nodes[node * STRIDE + RIGHT]!)
    this.#roots[partition] = nodes[LEFT]!
    this.#give(node)
  }

  /** The slot with that many before it, or -1. */
  at(partition: number, rank: number): number {
    const node = this.#descend(partition, rank)
    return node === 0 ? -1 : this.#nodes[node * STRIDE]!
  }

  /** How many slots stand before one of the partition, or would if it were there. */
  rank(partition: number, slot: number): number {
    const nodes = this.#nodes
    let before = 0
    let node = this.#root(partition)
    while (node !== 0) {
      const at = node * STRIDE
      if (this.#order(node, slot) < 0) {
        before += nodes[nodes[at + LEFT]! * STRIDE + SIZE]! + 1
        node = nodes[at + RIGHT]!
      } else node = nodes[at + LEFT]!
    }
    return before
  }

  /** How many slots stand at the beginning for which `isBefore` is true; it must be false for all after the first for which it is. */
  countWhile(partition: number, isBefore: (slot: number) => boolean): number {
    const nodes = this.#nodes
    let before = 0
    let node = this.#root(partition)
    while (node !== 0) {
      const at = node * STRIDE
      this.comparisons += 1
      if (isBefore(nodes[at]!)) {
        before += nodes[nodes[at + LEFT]! * STRIDE + SIZE]! + 1
        node = nodes[at + RIGHT]!
      } else node = nodes[at + LEFT]!
    }
    return before
  }

  /** Up to `count` slots in order, after the first `offset`. The partition must not change meanwhile. */
  *from(partition: number, offset = 0, count: number = Number.POSITIVE_INFINITY): Generator<number> {
    // A path of its own: another walk may begin before this one ends.
    const path: number[] = []
    let left = count
    if (left <= 0) return
    let node = this.#descend(partition, offset, path)
    while (node !== 0) {
      yield this.#nodes[node * STRIDE]!
      left -= 1
      if (left <= 0) return
      node = this.#nodes[node * STRIDE + RIGHT]!
      while (node !== 0 && this.#nodes[node * STRIDE + LEFT] !== 0) {
        path.push(node)
        node = this.#nodes[node * STRIDE + LEFT]!
      }
      if (node === 0) node = path.pop() ?? 0
    }
  }

  /** Forgets all slots of a partition, whatever their rows hold by now. O(slots). */
  clear(partition: number): void {
    const root = this.#root(partition)
    if (root === 0) return
    this.#roots[partition] = 0
    const open = [root]
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const left = this.#nodes[node * STRIDE + LEFT]!
      const right = this.#nodes[node * STRIDE + RIGHT]!
      if (left !== 0) open.push(left)
      if (right !== 0) open.push(right)
      this.#give(node)
    }
  }

  /** The node with that many before it, or 0; `path` gets the nodes above it that come after it. */
  #descend(partition: number, rank: number, path: number[] | null = null): number {
    const nodes = this.#nodes
    let left = rank
    let node = rank < 0 ? 0 : this.#root(partition)
    while (node !== 0) {
      const at = node * STRIDE
      const before = nodes[nodes[at + LEFT]! * STRIDE + SIZE]!
      if (left === before) return node
      if (left < before) {
        path?.push(node)
        node = nodes[at + LEFT]!
      } else {
        left -= before + 1
        node = nodes[at + RIGHT]!
      }
    }
    return 0
  }

  /** Negative if a node's slot stands before another one. */
  #order(node: number, slot: number): number {
    const own = this.#nodes[node * STRIDE]!
    if (own === slot) return 0
    this.comparisons += 1
    const order = this.#compare(own, slot)
    return order === 0 ? own - slot : order
  }

  /** Hangs what stands before a slot to the left of its node and the rest to the right. */
  #split(root: number, slot: number, into: number): void {
    const nodes = this.#nodes
    const path = this.#path
    let left = into * STRIDE + LEFT
    let right = into * STRIDE + RIGHT
    for (let node = root; node !== 0;) {
      path.push(node)
      const at = node * STRIDE
      if (this.#order(node, slot) <= 0) {
        nodes[left] = node
        left = at + RIGHT
        node = nodes[left]!
      } else {
        nodes[right] = node
        right = at + LEFT
        node = nodes[right]!
      }
    }
    nodes[left] = 0
    nodes[right] = 0
    for (let node = path.pop(); node !== undefined; node = path.pop()) this.#count(node)
    this.#count(into)
  }

  /** Makes one tree of two, all of the first before all of the second, and hangs it at `place`. */
  #merge(place: number, first: number, second: number): void {
    const nodes = this.#nodes
    let link = place
    let left = first
    let right = second
    while (left !== 0 && right !== 0) {
      if (mix32(left) > mix32(right)) {
        nodes[link] = left
        nodes[left * STRIDE + SIZE]! += nodes[right * STRIDE + SIZE]!
        link = left * STRIDE + RIGHT
        left = nodes[link]!
      } else {
        nodes[link] = right
        nodes[right * STRIDE + SIZE]! += nodes[left * STRIDE + SIZE]!
        link = right * STRIDE + LEFT
        right = nodes[link]!
      }
    }
    nodes[link] = left === 0 ? right : left
  }

  #count(node: number): void {
    const nodes = this.#nodes
    const at = node * STRIDE
    nodes[at + SIZE] =
      nodes[nodes[at + LEFT]! * STRIDE + SIZE]! + nodes[nodes[at + RIGHT]! * STRIDE + SIZE]! + 1
  }

  #root(partition: number): number {
    return partition < this.#roots.length ? this.#roots[partition]! : 0
  }

  #growRoots(partition: number): void {
    let length = this.#roots.length
    while (length <= partition) length *= 2
    this.#roots = grownInt32(this.#roots, length)
  }

  #take(slot: number): number {
    let node = this.#free
    if (node !== 0) this.#free = this.#nodes[node * STRIDE + LEFT]!
    else {
      node = this.#next
      this.#next += 1
      if (node * STRIDE === this.#nodes.length) this.#nodes = grownInt32(this.#nodes, node * STRIDE * 2)
    }
    this.#nodes[node * STRIDE] = slot
    return node
  }

  #give(node: number): void {
    this.#nodes[node * STRIDE + LEFT] = this.#free
    this.#free = node
  }
}
