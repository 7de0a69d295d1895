/** A transaction id as the stream carries it: the low 32 bits. Never compare two of them. */
export type Xid = number & { readonly __xid: unique symbol }

/** A transaction id with its epoch: 64 bits, totally ordered. */
export type Xid8 = bigint & { readonly __xid8: unique symbol }

/** Brands 32 bits read off the wire. */
export function xid(value: number): Xid {
  return value as Xid
}

/** Brands a 64-bit transaction id. */
export function xid8(value: bigint): Xid8 {
  return value as Xid8
}

/**
 * Widens a transaction id of the stream by a 64-bit one of nearly the same age.
 *
 * Sound because a slot holds back wraparound: every xid that it can still deliver is within 2^31 of
 * the next one to be given out.
 */
export function widenXid(narrow: Xid, reference: Xid8): Xid8 {
  return (reference + BigInt.asIntN(32, BigInt(narrow) - reference)) as Xid8
}
