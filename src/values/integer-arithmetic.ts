import type { Arithmetic } from './arithmetic.ts'
import { evaluationError } from './evaluation-error.ts'

/** Arithmetic of `smallint`. Division truncates; what does not fit is an error, as in Postgres. */
export const SMALLINT_ARITHMETIC: Arithmetic<number> = narrow(0x7fff)

/** Arithmetic of `integer`. */
export const INTEGER_ARITHMETIC: Arithmetic<number> = narrow(0x7fff_ffff)

/** Arithmetic of `bigint`. */
export const BIGINT_ARITHMETIC: Arithmetic<bigint> = {
  add: (a, b) => bigintInRange(a + b),
  subtract: (a, b) => bigintInRange(a - b),
  multiply: (a, b) => bigintInRange(a * b),
  divide(a, b) {
    if (b === 0n) throw evaluationError('22012')
    return bigintInRange(a / b)
  },
  modulo(a, b) {
    if (b === 0n) throw evaluationError('22012')
    return a % b
  },
  negate: (a) => bigintInRange(-a),
  abs: (a) => bigintInRange(a < 0n ? -a : a),
}

/** The number if a signed integer with that greatest value holds it. Throws: VIEW.EVALUATION 22003. */
export function integerInRange(value: number, most: number): number {
  if (value >= -most - 1 && value <= most) return value
  throw evaluationError('22003')
}

const MOST = 2n ** 63n - 1n

/** The bigint if 64 bits hold it. Throws: VIEW.EVALUATION 22003. */
export function bigintInRange(value: bigint): bigint {
  if (value >= -MOST - 1n && value <= MOST) return value
  throw evaluationError('22003')
}

/** A product of two 32-bit integers that doubles round is far out of range anyway. Adding 0 turns -0 into 0. */
function narrow(most: number): Arithmetic<number> {
  return {
    add: (a, b) => integerInRange(a + b, most),
    subtract: (a, b) => integerInRange(a - b, most),
    multiply: (a, b) => integerInRange(a * b, most) + 0,
    divide(a, b) {
      if (b === 0) throw evaluationError('22012')
      return integerInRange(Math.trunc(a / b), most) + 0
    },
    modulo(a, b) {
      if (b === 0) throw evaluationError('22012')
      return (a % b) + 0
    },
    negate: (a) => integerInRange(0 - a, most),
    abs: (a) => integerInRange(Math.abs(a), most),
  }
}
