/**
 * Whether two public values show the same: decimals, dates, bytes, lists and JSON by content, everything
 * else like `Object.is`.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Date || b instanceof Date) {
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime()
  }
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => sameValue(item, b[index]))
    )
  }
  if (isDecimal(a) || isDecimal(b)) return isDecimal(a) && isDecimal(b) && a.toString() === b.toString()
  const left = Object.entries(a)
  const right = new Map<string, unknown>(Object.entries(b))
  return (
    left.length === right.size &&
    left.every(([name, item]) => right.has(name) && sameValue(item, right.get(name)))
  )
}

function isDecimal(value: object): value is { toFixed(): string; toString(): string } {
  return 'toFixed' in value && typeof value.toFixed === 'function'
}
