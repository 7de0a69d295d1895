/** Postgres' arithmetic of one number type; operands and results are of that type. */
export interface Arithmetic<T> {
  /** Throws: VIEW.EVALUATION 22003. */
  add(a: T, b: T): T
  /** Throws: VIEW.EVALUATION 22003. */
  subtract(a: T, b: T): T
  /** Throws: VIEW.EVALUATION 22003. */
  multiply(a: T, b: T): T
  /** Throws: VIEW.EVALUATION 22003, 22012. */
  divide(a: T, b: T): T
  /** The remainder with the sign of the dividend. Throws: VIEW.EVALUATION 22012. */
  modulo(a: T, b: T): T
  /** Throws: VIEW.EVALUATION 22003. */
  negate(a: T): T
  /** Throws: VIEW.EVALUATION 22003. */
  abs(a: T): T
}
