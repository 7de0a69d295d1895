/** A copy of an array with at least `length` places; the new ones are zero. */
export function grownInt32(array: Int32Array, length: number): Int32Array {
  const grown = new Int32Array(length)
  grown.set(array)
  return grown
}

/** A copy of an array with at least `length` places; the new ones are zero. */
export function grownFloat64(array: Float64Array, length: number): Float64Array {
  const grown = new Float64Array(length)
  grown.set(array)
  return grown
}
