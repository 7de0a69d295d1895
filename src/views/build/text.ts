import { computed, condition, type Computed, type Condition, type Expression } from './expression.ts'
import type { NullOf, StrictOf, TextOperand } from './infer.ts'

/*
 * Text functions have the meaning of COLLATE "C", whatever the database's locale: letters are those of ASCII, characters are
 * code points.
 */

/** How `like` and `ilike` compare. */
export interface LikeOptions {
  /** The character that makes the next one stand for itself, `\\` if nothing is said; the empty text: none. */
  readonly escape?: string
}

/**
 * `text LIKE pattern`: `_` stands for one character, `%` for any number of them.
 *
 * @example
 * ```ts
 * import { defineView, like } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const pizzerias = defineView('pizzerias', (q) =>
 *   q.from({ r: Restaurant }).where(({ r }) => like(r.name, 'Pizza%')).select(({ r }) => ({ id: r.id })))
 * ```
 */
export function like<V extends Expression<string | null>, P extends TextOperand>(
  text: V,
  pattern: P,
  options: LikeOptions = {},
): Condition<never, boolean | NullOf<V> | NullOf<P>> {
  return condition('like', withEscape(text, pattern, options))
}

/**
 * `text ILIKE pattern`: as {@link like}, and letters of ASCII are alike in both cases.
 *
 * @example
 * ```ts
 * import { defineView, ilike } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const pizzerias = defineView('pizzerias', (q) =>
 *   q.from({ r: Restaurant }).where(({ r }) => ilike(r.name, '%pizza%')).select(({ r }) => ({ id: r.id })))
 * ```
 */
export function ilike<V extends Expression<string | null>, P extends TextOperand>(
  text: V,
  pattern: P,
  options: LikeOptions = {},
): Condition<never, boolean | NullOf<V> | NullOf<P>> {
  return condition('ilike', withEscape(text, pattern, options))
}

/**
 * `concat(…)`: the texts one after the other; nulls are left out, so the result is never null.
 *
 * @example
 * ```ts
 * import { concat, defineView } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const labels = defineView('labels', (q) =>
 *   q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, label: concat(r.name, ' (', r.id, ')') })))
 * ```
 */
export function concat(...texts: readonly TextOperand[]): Computed<string> {
  return computed('concat', texts)
}

/**
 * `upper(text)`: the letters a to z as A to Z; others stay.
 *
 * @example
 * ```ts
 * import { defineView, upper } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const names = defineView('names', (q) =>
 *   q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: upper(r.name) })))
 * ```
 */
export function upper<V extends Expression<string | null>>(text: V): Computed<StrictOf<string, V>> {
  return computed('upper', [text])
}

/**
 * `lower(text)`: the letters A to Z as a to z; others stay.
 *
 * @example
 * ```ts
 * import { defineView, lower } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const names = defineView('names', (q) =>
 *   q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: lower(r.name) })))
 * ```
 */
export function lower<V extends Expression<string | null>>(text: V): Computed<StrictOf<string, V>> {
  return computed('lower', [text])
}

/**
 * `length(text)`: how many code points.
 *
 * @example
 * ```ts
 * import { defineView, length } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const lengths = defineView('lengths', (q) =>
 *   q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, length: length(r.name) })))
 * ```
 */
export function length<V extends Expression<string | null>>(text: V): Computed<StrictOf<number, V>> {
  return computed('length', [text])
}

/**
 * `btrim(text, characters)`: without these characters at both ends, blanks if none are named.
 *
 * @example
 * ```ts
 * import { defineView, trim } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const names = defineView('names', (q) =>
 *   q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: trim(r.name) })))
 * ```
 */
export function trim<V extends Expression<string | null>>(
  text: V,
  characters?: string,
): Computed<StrictOf<string, V>> {
  return computed('trim', characters === undefined ? [text] : [text, characters])
}

/** An Int, or a whole number. */
type Position = Expression<number | null> | number

/**
 * `substring(text FROM start FOR count)`: from the character `start`, counted from 1; all of the rest without `count`.
 *
 * @example
 * ```ts
 * import { defineView, substring } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const initials = defineView('initials', (q) =>
 *   q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, initial: substring(r.name, 1, 1) })))
 * ```
 */
export function substring<
  V extends Expression<string | null>,
  S extends Position,
  C extends Position = never,
>(text: V, start: S, count?: C): Computed<StrictOf<string, V | S | C>> {
  return computed('substring', count === undefined ? [text, start] : [text, start, count])
}

/**
 * `replace(text, from, to)`: every `from` in the text.
 *
 * @example
 * ```ts
 * import { defineView, replace } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const slugs = defineView('slugs', (q) =>
 *   q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, slug: replace(r.name, ' ', '-') })))
 * ```
 */
export function replace<V extends TextOperand, F extends TextOperand, T extends TextOperand>(
  text: V,
  from: F,
  to: T,
): Computed<StrictOf<string, V | F | T>> {
  return computed('replace', [text, from, to])
}

/**
 * `starts_with(text, prefix)`.
 *
 * @example
 * ```ts
 * import { defineView, startsWith } from 'prisma-dbsync'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * export const pizzerias = defineView('pizzerias', (q) =>
 *   q.from({ r: Restaurant }).where(({ r }) => startsWith(r.name, 'Pizza')).select(({ r }) => ({ id: r.id })))
 * ```
 */
export function startsWith<V extends TextOperand, P extends TextOperand>(
  text: V,
  prefix: P,
): Condition<never, boolean | NullOf<V> | NullOf<P>> {
  return condition('startsWith', [text, prefix])
}

function withEscape(text: unknown, pattern: unknown, { escape }: LikeOptions): readonly unknown[] {
  return escape === undefined ? [text, pattern] : [text, pattern, escape]
}
