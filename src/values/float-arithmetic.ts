import type { Arithmetic } from './arithmetic.ts'
import { evaluationError } from './evaluation-error.ts'
import { shortestReal } from './shortest-real.ts'

/** Postgres has no remainder of floats. */
type FloatArithmetic = Omit<Arithmetic<number>, 'modulo'>

/** Arithmetic of `double precision`: IEEE's, but a result that overflows or underflows is an error. */
export const DOUBLE_ARITHMETIC: FloatArithmetic = floats((value) => value)

/**
 * Arithmetic of `real`. Values are the doubles of the shortest text, as everywhere; the exact ones are computed with. One
 * rounding to double and one to single give the same as one to single, since 53 bits are more than twice 24.
 */
export const REAL_ARITHMETIC: FloatArithmetic = singles(floats(Math.fround))

/** The nearest whole number, halves to the even one. */
export function roundHalfEvenFloat(value: number): number {
  if (!(Math.abs(value) < 2 ** 52)) return value
  const floor = Math.floor(value)
  const rest = value - floor
  const rounded = rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1
  return rounded === 0 && (value < 0 || Object.is(value, -0)) ? -0 : rounded
}

function floats(round: (value: number) => number): FloatArithmetic {
  const finite = (value: number, a: number, b: number): number => {
    const rounded = round(value)
    if (Math.abs(rounded) === Infinity && Number.isFinite(a) && Number.isFinite(b))
      throw evaluationError('22003')
    return rounded
  }
  return {
    add: (a, b) => finite(a + b, a, b),
    subtract: (a, b) => finite(a - b, a, b),
    multiply(a, b) {
      const product = finite(a * b, a, b)
      if (product === 0 && a !== 0 && b !== 0) throw evaluationError('22003')
      return product
    },
    divide(a, b) {
      if (b === 0 && !Number.isNaN(a)) throw evaluationError('22012')
      const quotient = finite(a / b, a, 1)
      if (quotient === 0 && a !== 0 && Math.abs(b) !== Infinity) throw evaluationError('22003')
      return quotient
    },
    negate: (a) => -a,
    abs: Math.abs,
  }
}

function singles(exact: FloatArithmetic): FloatArithmetic {
  const both =
    (compute: (a: number, b: number) => number) =>
    (a: number, b: number): number =>
      shortestReal(compute(Math.fround(a), Math.fround(b)))
  return {
    add: both(exact.add),
    subtract: both(exact.subtract),
    multiply: both(exact.multiply),
    divide: both(exact.divide),
    negate: (a) => -a,
    abs: Math.abs,
  }
}
