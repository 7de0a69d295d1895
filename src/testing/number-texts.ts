import type { Arbitrary } from 'fast-check'
import { shortestReal } from '../values/shortest-real.ts'
import type { ColumnTexts } from './column-texts.ts'
import { fc } from './fast-check.ts'

/** smallint, integer, bigint and oid. */
export function integerTexts(min: bigint, max: bigint): ColumnTexts {
  const inside = (values: readonly bigint[]): string[] => values.filter((value) => value >= min).map(String)
  const small = fc.bigInt({ min: min < 0n ? -999n : 0n, max: 999n })
  return {
    pool: inside([0n, 1n, 2n, 3n, -1n]),
    edges: inside([min, min + 1n, -1n, 0n, 1n, max - 1n, max]),
    random: fc.oneof(small, fc.bigInt({ min, max })).map(String),
  }
}

// Not -0: it equals 0 and is printed otherwise, so which of the two is the least, or names a group, is left to chance.
const SPECIAL = ['NaN', 'Infinity', '-Infinity', '0', '1', '-1']
const REAL_LIMITS = ['123456789', '3.4028235e38', '-3.4028235e38', '1e-45', '-1e-45', '1.1754944e-38', '16777217', '0.1', '0.3', '3842880.25'] // prettier-ignore
const DOUBLE_LIMITS = ['123456789', '1.7976931348623157e308', '-1.7976931348623157e308', '5e-324', '-5e-324', '2.2250738585072014e-308', '9007199254740993', '0.1', '0.30000000000000004', '1e22', '1e23'] // prettier-ignore

/** real and double precision. */
export function floatTexts(isReal: boolean): ColumnTexts {
  const text = (value: number): string => String(isReal ? shortestReal(value) : value)
  const short = fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(9)).map(([n, scale]) => n / 10 ** scale)
  const limits = isReal ? REAL_LIMITS.map((limit) => text(Number(limit))) : DOUBLE_LIMITS
  return {
    pool: ['0', '1', '1.5', '-2.25', '3'],
    edges: [...SPECIAL, ...limits],
    random: fc.oneof(short, isReal ? fc.float() : fc.double()).map(text),
  }
}

function digits(length: number): Arbitrary<string> {
  const few = fc.nat({ max: Math.min(9_999, 10 ** Math.min(length, 4) - 1) })
  return fc.oneof(
    few.map(String),
    fc.bigInt({ min: 0n, max: 10n ** BigInt(Math.max(length, 0)) - 1n }).map(String),
  )
}

/** Numerics of at most so many digits before and behind the point. */
function decimals(whole: number, scale: number): Arbitrary<string> {
  return fc
    .tuple(fc.boolean(), digits(whole), scale === 0 ? fc.constant('') : digits(scale), fc.nat(scale))
    .map(([isNegative, head, tail, zeros]) => {
      const fraction = `${'0'.repeat(zeros)}${tail}`.slice(0, scale)
      // There is no negative zero among numerics.
      const sign = isNegative && /[1-9]/.test(head + fraction) ? '-' : ''
      return `${sign}${head}${fraction === '' ? '' : `.${fraction}`}`
    })
}

/** numeric of so many digits, `scale` of them behind the point; without `precision` any. */
export function numericTexts(precision: number | undefined, scale: number): ColumnTexts {
  if (precision === undefined) {
    return {
      pool: ['0', '1', '2.5', '-1', '10'],
      // 1.1 and 1.10 are equal and not the same.
      edges: ['NaN', 'Infinity', '-Infinity', '0', '0.000', '1.1', '1.10', `0.${'0'.repeat(19)}1`, `-1${'0'.repeat(40)}`, '123456789012345678901234567890.5'], // prettier-ignore
      random: decimals(40, 20),
    }
  }
  // A scale below 0 rounds before the point, one above the precision leaves no place for the first digits behind it.
  const behind = Math.max(scale, 0)
  const nines = '9'.repeat(Math.min(precision, Math.max(precision - scale, 0)))
  const zeros = '0'.repeat(Math.max(-scale, 0))
  const fraction = '9'.repeat(Math.min(precision, behind)).padStart(behind, '0')
  const most = `${nines === '' ? '0' : nines.slice(0, precision)}${nines === '' ? '' : zeros}${behind === 0 ? '' : `.${fraction}`}`
  const least = behind === 0 ? `1${zeros}` : `0.${'0'.repeat(behind - 1)}1`
  const limits = [most, `-${most}`, least, `-${least}`]
  const isPlain = scale >= 0 && scale <= precision
  const fits = (text: string): boolean => {
    const [whole = '', part = ''] = text.replace('-', '').split('.')
    return (whole === '0' || whole.length <= precision - scale) && part.length <= scale
  }
  const pool = isPlain ? ['0', '1', '2.5', '-1', '10', '0.5', '3'].filter(fits) : ['0', ...limits]
  return {
    pool,
    edges: ['NaN', '0', ...(isPlain ? ['1', '-1'].filter(fits) : []), ...limits],
    random: isPlain ? decimals(precision - scale, scale) : fc.constantFrom(...pool),
  }
}

/** money, as a numeric; hundredths in 64 bits. */
export function moneyTexts(): ColumnTexts {
  const cents = (value: bigint): string => {
    const text = String(value < 0n ? -value : value).padStart(3, '0')
    return `${value < 0n ? '-' : ''}${text.slice(0, -2)}.${text.slice(-2)}`
  }
  return {
    pool: ['0.00', '1.00', '2.50', '-1.00'],
    edges: ['0.00', '0.01', '-0.01', '92233720368547758.07', '-92233720368547758.08'],
    random: fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }).map(cents),
  }
}
