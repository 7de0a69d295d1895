/** A finite Postgres numeric: `unscaled` × 10^-`scale`. The scale is the display scale, never negative. */
export interface Numeric {
  readonly unscaled: bigint
  readonly scale: number
}

const NUMERIC_TEXT = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,5}))?$/
/** Postgres prints at most 131072 digits before the point and 16383 after it. */
const MAX_TEXT = 150_000

/**
 * Reads the text of a finite numeric.
 *
 * Returns undefined for NaN, the infinities and anything that is no numeric.
 */
export function parseNumeric(text: string): Numeric | undefined {
  if (text.length > MAX_TEXT) return undefined
  const match = NUMERIC_TEXT.exec(text)
  if (match === null) return undefined
  const whole = match[2] ?? ''
  const fraction = match[3] ?? ''
  if (whole === '' && fraction === '') return undefined
  const digits = BigInt(whole + fraction)
  const unscaled = match[1] === '-' ? -digits : digits
  const scale = fraction.length - Number(match[4] ?? 0)
  return scale >= 0 ? { unscaled, scale } : { unscaled: unscaled * pow10(-scale), scale: 0 }
}

/** Whether a text is a numeric: a finite one as Postgres prints it, `NaN` or an infinity. Linear in its length. */
export function isNumericText(text: string): boolean {
  return (
    (text.length <= MAX_TEXT && /^-?\d+(?:\.\d+)?$/.test(text)) ||
    text === 'NaN' ||
    text === 'Infinity' ||
    text === '-Infinity'
  )
}

/** Writes a numeric with all the digits of its scale, as Postgres does. */
export function formatNumeric({ unscaled, scale }: Numeric): string {
  if (scale === 0) return unscaled.toString()
  const negative = unscaled < 0n
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const cut = digits.length - scale
  return `${negative ? '-' : ''}${digits.slice(0, cut)}.${digits.slice(cut)}`
}

/** Writes an integer counted in units of 10^-scale; `value` must be a safe integer. */
export function formatScaled(value: number, scale: number): string {
  if (scale === 0) return String(value)
  const digits = String(Math.abs(value)).padStart(scale + 1, '0')
  const cut = digits.length - scale
  return `${value < 0 ? '-' : ''}${digits.slice(0, cut)}.${digits.slice(cut)}`
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compareNumeric(a: Numeric, b: Numeric): number {
  const left = a.scale < b.scale ? a.unscaled * pow10(b.scale - a.scale) : a.unscaled
  const right = b.scale < a.scale ? b.unscaled * pow10(a.scale - b.scale) : b.unscaled
  return left < right ? -1 : left > right ? 1 : 0
}

/**
 * Orders the texts of two numerics by value as Postgres does: -Infinity first, then the finite ones, then
 * Infinity, then NaN; NaN equals NaN.
 */
export function compareNumericText(a: string, b: string): number {
  const left = parseNumeric(a)
  const right = parseNumeric(b)
  if (left !== undefined && right !== undefined) return compareNumeric(left, right)
  return specialRank(a, left) - specialRank(b, right)
}

function specialRank(text: string, value: Numeric | undefined): number {
  if (value !== undefined) return 0
  return text === 'NaN' ? 2 : text.startsWith('-') ? -1 : 1
}

const MIN_SIGNIFICANT_DIGITS = 16
const MAX_DISPLAY_SCALE = 1000
const DIGITS_PER_GROUP = 4

/**
 * The quotient by an integer with the scale and the rounding of Postgres' numeric division: {@link quotientOf}.
 *
 * `divisor` must not be zero.
 */
export function divideNumeric(dividend: Numeric, divisor: bigint): Numeric {
  return quotientOf(dividend, { unscaled: divisor, scale: 0 })
}

/**
 * The quotient with the scale and the rounding (half away from zero) of Postgres' numeric division.
 *
 * `divisor` must not be zero.
 * Source: PostgreSQL, `select_div_scale` and `div_var` of `numeric.c`.
 */
export function quotientOf(dividend: Numeric, divisor: Numeric): Numeric {
  const top = leadingGroup(dividend)
  const bottom = leadingGroup(divisor)
  const weight = top.weight - bottom.weight - (top.group <= bottom.group ? 1 : 0)
  const wanted = Math.max(
    MIN_SIGNIFICANT_DIGITS - weight * DIGITS_PER_GROUP,
    dividend.scale,
    divisor.scale,
    0,
  )
  const scale = Math.min(wanted, MAX_DISPLAY_SCALE)
  const shift = scale - dividend.scale + divisor.scale
  const numerator = shift >= 0 ? dividend.unscaled * pow10(shift) : dividend.unscaled
  const denominator = shift >= 0 ? divisor.unscaled : divisor.unscaled * pow10(-shift)
  return { unscaled: divideRounded(numerator, denominator), scale }
}

/** 10 to a power that is zero or more. */
export function pow10(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent)
}

const POWERS = Array.from({ length: 80 }, (_, exponent) => 10n ** BigInt(exponent))

/** The integer quotient, half away from zero. */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n !== denominator < 0n
  const above = numerator < 0n ? -numerator : numerator
  const below = denominator < 0n ? -denominator : denominator
  const rounded = (2n * above + below) / (2n * below)
  return negative ? -rounded : rounded
}

/** The first base-10000 digit and its weight; the groups of four are aligned on the decimal point. */
function leadingGroup({ unscaled, scale }: Numeric): { readonly weight: number; readonly group: number } {
  if (unscaled === 0n) return { weight: 0, group: 0 }
  const groupsAfterPoint = Math.ceil(scale / DIGITS_PER_GROUP)
  const aligned = (unscaled < 0n ? -unscaled : unscaled) * pow10(groupsAfterPoint * DIGITS_PER_GROUP - scale)
  const digits = aligned.toString()
  const groups = Math.ceil(digits.length / DIGITS_PER_GROUP)
  const leading = digits.length - (groups - 1) * DIGITS_PER_GROUP
  return { weight: groups - 1 - groupsAfterPoint, group: Number(digits.slice(0, leading)) }
}
