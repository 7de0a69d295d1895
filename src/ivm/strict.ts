import type { Value } from '../values/value.ts'

/*
 * Functions that are null where an argument is, as nearly all of Postgres' are. Every argument is evaluated first: one that has
 * an error has it beside a null too.
 */

/** A function of one argument. */
export function strict1(a: () => Value, compute: (a: NonNullable<Value>) => Value): () => Value {
  return () => {
    const x = a()
    return x === null ? null : compute(x)
  }
}

/** A function of two arguments. */
export function strict2(
  a: () => Value,
  b: () => Value,
  compute: (a: NonNullable<Value>, b: NonNullable<Value>) => Value,
): () => Value {
  return () => {
    const x = a()
    const y = b()
    return x === null || y === null ? null : compute(x, y)
  }
}

/** A function of three arguments. */
export function strict3(
  a: () => Value,
  b: () => Value,
  c: () => Value,
  compute: (a: NonNullable<Value>, b: NonNullable<Value>, c: NonNullable<Value>) => Value,
): () => Value {
  return () => {
    const x = a()
    const y = b()
    const z = c()
    return x === null || y === null || z === null ? null : compute(x, y, z)
  }
}
