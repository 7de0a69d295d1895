/**
 * What the hashes of a map or an interner begin with, so that keys made elsewhere to collide do not collide here: differs in every
 * process, and comes back with the state of an earlier one.
 */
export const FRESH_SEED: number = Math.floor(Math.random() * 0x1_0000_0000) | 0

/** A well-mixed 32-bit hash of the words at `base + offset`, for each of the offsets in their order. */
export function hashWords(words: Int32Array, base: number, offsets: readonly number[], seed: number): number {
  // The first word outside of the loop: most keys have no other.
  let hash = offsets.length === 0 ? seed : Math.imul(seed ^ words[base + offsets[0]!]!, 0x9e37_79b1)
  hash ^= hash >>> 15
  for (let index = 1; index < offsets.length; index += 1) {
    hash = Math.imul(hash ^ words[base + offsets[index]!]!, 0x9e37_79b1)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0x85eb_ca6b)
  return hash ^ (hash >>> 13)
}

/** A well-mixed 32-bit hash of a range of bytes. */
export function hashBytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed ^ (end - start)
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    hash = Math.imul(hash ^ word, 0x9e37_79b1)
    hash ^= hash >>> 15
  }
  for (; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85eb_ca6b)
  return hash ^ (hash >>> 13)
}

/** A 32-bit mix of one number; used where a random but repeatable priority is needed. */
export function mix32(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}
