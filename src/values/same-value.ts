/**
 * Whether two public values show the same: decimals, dates, bytes, lists and JSON by content, everything
 * else like `Object.is`. JSON may be nested thousands of levels deep, so no call is made for a level.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const pending: unknown[] = [a, b]
  while (pending.length > 0) {
    const right = pending.pop()
    const left = pending.pop()
    if (Object.is(left, right)) continue
    if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
    if (!sameShell(left, right, pending)) return false
  }
  return true
}

/** Compares two objects but for their members, which are added to `pending` in pairs. */
function sameShell(a: object, b: object, pending: unknown[]): boolean {
  if (a instanceof Date || b instanceof Date) {
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime()
  }
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    for (let index = 0; index < a.length; index += 1) pending.push(a[index], b[index])
    return true
  }
  if (isDecimal(a) || isDecimal(b)) return isDecimal(a) && isDecimal(b) && a.toString() === b.toString()
  const left = Object.entries(a)
  const right = new Map<string, unknown>(Object.entries(b))
  if (left.length !== right.size) return false
  for (const [name, item] of left) {
    if (!right.has(name)) return false
    pending.push(item, right.get(name))
  }
  return true
}

function isDecimal(value: object): value is { toFixed(): string; toString(): string } {
  return 'toFixed' in value && typeof value.toFixed === 'function'
}
