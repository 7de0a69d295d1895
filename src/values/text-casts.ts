import { evaluationError } from './evaluation-error.ts'
import { inRange } from './numeric-arithmetic.ts'
import { pow10 } from './numeric.ts'
import type { NumericValue } from './value.ts'

/*
 * Casts from text. Forms that Postgres reads since version 16 alone (hexadecimal digits, underscores) are errors here: the
 * answer must not depend on the server's version.
 */

const BLANKS = '[ \\t\\n\\v\\f\\r]*'
const INTEGER = new RegExp(`^${BLANKS}([+-]?\\d+)${BLANKS}$`)
const NUMBER = new RegExp(`^${BLANKS}([+-]?)(\\d*)(?:\\.(\\d*))?(?:[eE]([+-]?\\d+))?${BLANKS}$`)
const SPECIAL = new RegExp(`^${BLANKS}([+-]?)(nan|inf|infinity)${BLANKS}$`, 'i')

/** `text::bigint` without its range. Throws: VIEW.EVALUATION 22P02. */
export function integerOfText(text: string): bigint {
  const digits = INTEGER.exec(text)?.[1]
  if (digits === undefined) throw evaluationError('22P02')
  // BigInt takes no plus sign.
  return BigInt(digits.replace('+', ''))
}

/** `text::numeric`. Throws: VIEW.EVALUATION 22P02, 22003. */
export function numericOfUserText(text: string): NumericValue {
  const special = SPECIAL.exec(text)
  if (special !== null) {
    if (special[2]?.toLowerCase() !== 'nan') return special[1] === '-' ? '-Infinity' : 'Infinity'
    if (special[1] === '') return 'NaN'
    throw evaluationError('22P02')
  }
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? []
  if (whole === '' && fraction === '') throw evaluationError('22P02')
  const power = Number(exponent)
  if (Math.abs(power) > 200_000) throw evaluationError('22003')
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n)
  const scale = fraction.length - power
  return inRange(scale >= 0 ? { unscaled: digits, scale } : { unscaled: digits * pow10(-scale), scale: 0 })
}

/** `text::double precision`. Throws: VIEW.EVALUATION 22P02, 22003. */
export function doubleOfText(text: string): number {
  const special = SPECIAL.exec(text)
  if (special !== null) {
    if (special[2]?.toLowerCase() === 'nan') return Number.NaN
    return special[1] === '-' ? -Infinity : Infinity
  }
  const match = NUMBER.exec(text)
  const [, , whole = '', fraction = ''] = match ?? []
  if (whole === '' && fraction === '') throw evaluationError('22P02')
  const value = Number(text)
  const isLost = value === 0 && /[1-9]/.test(whole + fraction)
  if (isLost || !Number.isFinite(value)) throw evaluationError('22003')
  return value
}

const TRUTHS: readonly (readonly [word: string, least: number, truth: boolean])[] = [
  ['true', 1, true],
  ['false', 1, false],
  ['yes', 1, true],
  ['no', 1, false],
  ['on', 2, true],
  ['off', 2, false],
  ['1', 1, true],
  ['0', 1, false],
]

/** `text::boolean`. Throws: VIEW.EVALUATION 22P02. */
export function booleanOfText(text: string): boolean {
  const word = text.replaceAll(BLANK_ENDS, '').toLowerCase()
  const found = TRUTHS.find(([full, least]) => word.length >= least && full.startsWith(word))
  if (found === undefined) throw evaluationError('22P02')
  return found[2]
}

const BLANK_ENDS = new RegExp(`^${BLANKS}|${BLANKS}$`, 'g')
