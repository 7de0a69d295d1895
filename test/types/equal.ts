/* oxlint-disable typescript/no-unnecessary-type-parameters -- two deferred conditional types are equal only if their parts are */

/** Whether two types are the same, not only assignable to each other. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only if the type is `true`. */
export type Expect<T extends true> = T
