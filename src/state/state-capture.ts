import type { StateCarrier } from '../zset/state-carrier.ts'
import type { ArrayKind, StateItem } from './state-items.ts'

/**
 * Collects what a network hands over.
 *
 * Nothing is copied before `copyInto`: until then the arrays are the network's own, so both belong into one synchronous block.
 */
export class StateCapture implements StateCarrier {
  readonly isLoading = false
  readonly items: StateItem[] = []
  readonly #parts: Uint8Array[] = []
  #bytes = 0

  /** Bytes of all arrays. */
  get byteLength(): number {
    return this.#bytes
  }

  /** The bytes that each array takes, in their order. */
  get sizes(): readonly number[] {
    return this.#parts.map(({ length }) => length)
  }

  label(text: string): void {
    this.items.push(['label', text])
  }

  number(value: number): number {
    this.items.push(['number', value])
    return value
  }

  bigint(value: bigint): bigint {
    this.items.push(['bigint', value.toString()])
    return value
  }

  int32(array: Int32Array, used: number): Int32Array {
    this.#add('int32', array, used)
    return array
  }

  float64(array: Float64Array, used: number): Float64Array {
    this.#add('float64', array, used)
    return array
  }

  uint8(array: Uint8Array, used: number): Uint8Array {
    this.#add('uint8', array, used)
    return array
  }

  /** Copies all arrays, one behind the other. Throws: RangeError if there is no room for them. */
  copyInto(target: Uint8Array): void {
    let at = 0
    for (const part of this.#parts) {
      target.set(part, at)
      at += part.length
    }
  }

  #add(kind: ArrayKind, array: Int32Array | Float64Array | Uint8Array, used: number): void {
    const part = new Uint8Array(array.buffer, array.byteOffset, used * array.BYTES_PER_ELEMENT)
    this.items.push([kind, array.length, used])
    this.#parts.push(part)
    this.#bytes += part.length
  }
}
