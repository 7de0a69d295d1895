const ZERO = 48
const NINE = 57
const MINUS = 45
const DOT = 46

/**
 * Reads a decimal integer of at most 15 digits from wire bytes.
 *
 * Returns NaN where the bytes are anything else.
 */
export function readInteger(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  const negative = bytes[at] === MINUS
  if (negative) at += 1
  if (at >= end || end - at > 15) return Number.NaN
  let value = 0
  for (; at < end; at += 1) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return negative ? -value || 0 : value
}

/**
 * Reads a decimal as an integer counted in units of 10^-scale: `-1.5` at scale 2 is -150.
 *
 * Returns NaN for the wire's own `NaN`, and Infinity where the bytes are no decimal, have a non-zero digit
 * beyond the scale, or do not fit 15 digits (no such column holds an infinity).
 */
export function readScaled(bytes: Uint8Array, start: number, end: number, scale: number): number {
  let at = start
  const sign = bytes[at]
  if (sign === MINUS) at += 1
  if (at >= end) return Number.POSITIVE_INFINITY
  if (at === start && end - at === 3 && bytes[at] === 78 && bytes[at + 1] === 97 && bytes[at + 2] === 78)
    return Number.NaN
  let value = 0
  let decimals = -1
  if (end - at === 1 && bytes[at] === DOT) return Number.POSITIVE_INFINITY
  for (; at < end; at += 1) {
    const byte = bytes[at]!
    if (byte === DOT && decimals < 0) {
      decimals = 0
      continue
    }
    if (byte < ZERO || byte > NINE) return Number.POSITIVE_INFINITY
    if (decimals >= scale) {
      if (byte !== ZERO) return Number.POSITIVE_INFINITY
      continue
    }
    if (decimals >= 0) decimals += 1
    value = value * 10 + (byte - ZERO)
  }
  for (let padded = Math.max(decimals, 0); padded < scale; padded += 1) value *= 10
  if (value >= 1e15) return Number.POSITIVE_INFINITY
  return sign === MINUS ? -value || 0 : value
}

/**
 * Reads a 64-bit integer into two words, `out[0]` the high and `out[1]` the low one, without a BigInt.
 *
 * Returns false where the bytes are no integer or do not fit.
 */
export function readInt64(bytes: Uint8Array, start: number, end: number, out: Int32Array): boolean {
  const negative = bytes[start] === MINUS
  const first = negative ? start + 1 : start
  const digits = end - first
  if (digits < 1 || digits > 19) return false
  // Two decimal halves that doubles hold exactly: value = head * 10^9 + tail.
  const split = Math.max(first, end - 9)
  let head = 0
  let tail = 0
  for (let at = first; at < end; at += 1) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return false
    if (at < split) head = head * 10 + digit
    else tail = tail * 10 + digit
  }
  const headLow = head % 0x10000
  const upper = ((head - headLow) / 0x10000) * 1e9
  const upperLow = upper % 0x10000
  const rest = upperLow * 0x10000 + headLow * 1e9 + tail
  const low = rest % 0x1_0000_0000
  const high = (upper - upperLow) / 0x10000 + (rest - low) / 0x1_0000_0000
  if (high > 0x7fff_ffff && !(negative && high === 0x8000_0000 && low === 0)) return false
  if (negative) {
    out[1] = -low | 0
    out[0] = ~high + (low === 0 ? 1 : 0)
  } else {
    out[1] = low | 0
    out[0] = high
  }
  return true
}

/** The bigint that two words of {@link readInt64} stand for. */
export function bigintOfWords(high: number, low: number): bigint {
  // Below 2^53 a double holds the value, and a small BigInt is cheaper to make than a shifted sum.
  if (high >= -0x10_0000 && high < 0x10_0000) return BigInt(high * 0x1_0000_0000 + (low >>> 0))
  return (BigInt(high) << 32n) | BigInt(low >>> 0)
}

const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

/**
 * Reads a float as Postgres prints it with `extra_float_digits` 1, correctly rounded.
 *
 * Returns undefined where the bytes are no float; NaN and the infinities are floats.
 */
export function readFloat(bytes: Uint8Array, start: number, end: number): number | undefined {
  const negative = bytes[start] === MINUS
  let at = negative ? start + 1 : start
  const first = at
  let mantissa = 0
  let decimals = -1
  // At most 15 digits over a power of ten up to 10^22: one exact division is correctly rounded.
  if (at < end && end - at <= 16) {
    for (; at < end; at += 1) {
      const byte = bytes[at]!
      if (byte === DOT && decimals < 0) {
        decimals = 0
        continue
      }
      if (byte < ZERO || byte > NINE) break
      if (decimals >= 0) decimals += 1
      mantissa = mantissa * 10 + (byte - ZERO)
    }
    if (at === end && at - first > (decimals < 0 ? 0 : 1) && mantissa < 1e15) {
      const value = decimals > 0 ? mantissa / (POWERS[decimals] ?? 1) : mantissa
      return negative ? -value : value
    }
  }
  if (end - start > FLOAT_BYTES) return undefined
  let text = ''
  for (let index = start; index < end; index += 1) text += String.fromCharCode(bytes[index]!)
  if (text === 'NaN') return Number.NaN
  return FLOAT_TEXT.test(text) ? Number(text) : undefined
}

/** No float is printed longer. */
const FLOAT_BYTES = 32
const FLOAT_TEXT = /^-?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/
