import type { Arithmetic } from '../values/arithmetic.ts'
import { toNumeric } from '../values/compare-values.ts'
import { DOUBLE_ARITHMETIC, REAL_ARITHMETIC, roundHalfEvenFloat } from '../values/float-arithmetic.ts'
import { BIGINT_ARITHMETIC, INTEGER_ARITHMETIC, SMALLINT_ARITHMETIC } from '../values/integer-arithmetic.ts'
import { ceilNumeric, floorNumeric, NUMERIC_ARITHMETIC, roundNumeric } from '../values/numeric-arithmetic.ts'
import type { Value } from '../values/value.ts'
import type { CallIr } from '../views/view-ir.ts'
import { converted, kindOf, type Argument, type Evaluator } from './evaluate.ts'
import { strict1, strict2 } from './strict.ts'

type Operation = keyof Arithmetic<Value>
type Operations = Partial<Record<Operation, (a: NonNullable<Value>, b: NonNullable<Value>) => Value>>

/** By result type; operands are converted to it first. */
const BY_TYPE: Readonly<Record<string, Operations>> = {
  smallint: numbers(SMALLINT_ARITHMETIC),
  integer: numbers(INTEGER_ARITHMETIC),
  bigint: bigints(),
  real: numbers(REAL_ARITHMETIC),
  'double precision': numbers(DOUBLE_ARITHMETIC),
}

/** `add`, `subtract`, `multiply`, `divide`, `modulo`, `negate` and `abs` of numbers of the call's type. */
export function makeArithmetic(
  [left, right]: readonly Argument[],
  { name, type }: CallIr,
): Evaluator | undefined {
  const kind = kindOf(type)
  const operations = kind === 'numeric' ? NUMERICS : BY_TYPE[type.pgType]
  const compute = isOperation(name) ? operations?.[name] : undefined
  if (compute === undefined || left === undefined) return undefined
  const a = converted(left, kind)
  if (name === 'negate' || name === 'abs') return strict1(a, (value) => compute(value, value))
  return right === undefined ? undefined : strict2(a, converted(right, kind), compute)
}

/** `round` (with digits of a numeric), `floor` and `ceil`; the call's type says of what. */
export function makeRounding(
  [argument, digits]: readonly Argument[],
  { name, type }: CallIr,
): Evaluator | undefined {
  if (argument === undefined) return undefined
  const kind = kindOf(type)
  const value = converted(argument, kind)
  if (kind === 'double') {
    const compute = name === 'floor' ? Math.floor : name === 'ceil' ? Math.ceil : roundHalfEvenFloat
    return strict1(value, (found) => compute(Number(found)))
  }
  if (kind !== 'numeric') return undefined
  if (name === 'floor') return strict1(value, (found) => floorNumeric(toNumeric(found)))
  if (name === 'ceil') return strict1(value, (found) => ceilNumeric(toNumeric(found)))
  if (digits === undefined) return strict1(value, (found) => roundNumeric(toNumeric(found), 0))
  return strict2(value, digits.value, (found, places) => roundNumeric(toNumeric(found), Number(places)))
}

const NUMERICS: Operations = {
  add: (a, b) => NUMERIC_ARITHMETIC.add(toNumeric(a), toNumeric(b)),
  subtract: (a, b) => NUMERIC_ARITHMETIC.subtract(toNumeric(a), toNumeric(b)),
  multiply: (a, b) => NUMERIC_ARITHMETIC.multiply(toNumeric(a), toNumeric(b)),
  divide: (a, b) => NUMERIC_ARITHMETIC.divide(toNumeric(a), toNumeric(b)),
  modulo: (a, b) => NUMERIC_ARITHMETIC.modulo(toNumeric(a), toNumeric(b)),
  negate: (a) => NUMERIC_ARITHMETIC.negate(toNumeric(a)),
  abs: (a) => NUMERIC_ARITHMETIC.abs(toNumeric(a)),
}

function numbers(own: Partial<Arithmetic<number>> & Omit<Arithmetic<number>, 'modulo'>): Operations {
  const { modulo } = own
  return {
    add: (a, b) => own.add(Number(a), Number(b)),
    subtract: (a, b) => own.subtract(Number(a), Number(b)),
    multiply: (a, b) => own.multiply(Number(a), Number(b)),
    divide: (a, b) => own.divide(Number(a), Number(b)),
    negate: (a) => own.negate(Number(a)),
    abs: (a) => own.abs(Number(a)),
    ...(modulo === undefined ? {} : { modulo: (a, b) => modulo(Number(a), Number(b)) }),
  }
}

function bigints(): Operations {
  const own = BIGINT_ARITHMETIC
  return {
    add: (a, b) => own.add(bigintOf(a), bigintOf(b)),
    subtract: (a, b) => own.subtract(bigintOf(a), bigintOf(b)),
    multiply: (a, b) => own.multiply(bigintOf(a), bigintOf(b)),
    divide: (a, b) => own.divide(bigintOf(a), bigintOf(b)),
    modulo: (a, b) => own.modulo(bigintOf(a), bigintOf(b)),
    negate: (a) => own.negate(bigintOf(a)),
    abs: (a) => own.abs(bigintOf(a)),
  }
}

function bigintOf(value: NonNullable<Value>): bigint {
  return typeof value === 'bigint' ? value : BigInt(Number(value))
}

function isOperation(name: string): name is Operation {
  return name in NUMERICS
}
