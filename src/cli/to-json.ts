/**
 * A value as JSON on one line. What JSON lacks becomes text: bigint and decimals as their digits, bytes as base64, dates in
 * ISO form, NaN and infinities by name.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, function replace(this: unknown, key: string, item: unknown) {
    // Bytes in a Buffer have a JSON form of their own, which has been applied to `item` by now.
    const raw: unknown = typeof this === 'object' && this !== null ? Reflect.get(this, key) : item
    if (raw instanceof Uint8Array) return Buffer.from(raw).toString('base64')
    if (typeof item === 'bigint') return item.toString()
    if (typeof item === 'number' && !Number.isFinite(item)) return String(item)
    return item
  })
}
