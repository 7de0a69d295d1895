import { DbsyncError } from '../core/errors.ts'
import { sameValue } from '../values/same-value.ts'
import type { GroupPart, GroupStore } from './group-store.ts'
import type { Row } from './view-state.ts'

/** One name of a view's key and the part of the group that it shows. */
export interface KeyPart {
  readonly name: string
  readonly part: GroupPart
}

/** The key of a view: from what a reader gives to the group, and from a row to what a change carries. */
export class GroupKey {
  /** In order; empty for a view of one row. */
  readonly names: readonly string[]
  readonly #view: string
  readonly #groups: GroupStore
  readonly #parts: readonly KeyPart[]
  readonly #probe: Int32Array
  /** Names beyond what identifies a row. */
  readonly #extra: readonly string[]

  constructor(view: string, groups: GroupStore, parts: readonly KeyPart[]) {
    this.#view = view
    this.#groups = groups
    this.#parts = parts
    this.names = parts.map(({ name }) => name)
    this.#probe = new Int32Array(Math.max(groups.stride, 1))
    this.#extra = parts.filter(({ part }) => part.at >= groups.identityWords).map(({ name }) => name)
  }

  /**
   * The group that a key means, whether it has rows or not, or -1: the value of a key of one column, or an object with the
   * key's names.
   *
   * Throws: CONFIG.INVALID_OPTIONS for a key that lacks a name or is not of its type.
   */
  find(key: unknown): number {
    const parts = this.#parts
    if (parts.length === 0) return 0
    const probe = this.#probe
    probe.fill(0)
    for (let index = 0; index < parts.length; index += 1) {
      const keyPart = parts[index]
      if (keyPart === undefined) break
      const { name, part } = keyPart
      const value = this.#valueOf(key, name)
      if (value === null) {
        if (part.nullAt >= 0) probe[part.nullAt] = 1
        else if (!part.column.interned) return -1
      } else if (!part.column.writeWords(value, probe, part.at)) return -1
    }
    return this.#groups.find(probe)
  }

  /** Whether a row found by a key has it: a key may name more than what identifies a row. */
  agrees(key: unknown, row: Row): boolean {
    return this.#extra.every((name) => sameValue(row[name], this.#valueOf(key, name)))
  }

  /** The key of a row, as a change carries it. */
  of(row: Row): unknown {
    const [first, ...others] = this.names
    if (first === undefined) return null
    if (others.length === 0) return row[first]
    return Object.freeze(Object.fromEntries(this.names.map((name) => [name, row[name]])))
  }

  #valueOf(key: unknown, name: string): unknown {
    if (isObject(key) && Object.hasOwn(key, name)) return key[name]
    if (this.#parts.length === 1 && key !== undefined) return key
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `${this.#view}.get: got a key without ${name}; need every column of the key. Pass an object with their names.`,
    )
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
