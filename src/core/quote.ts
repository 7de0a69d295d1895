import { invariant } from './errors.ts'

/**
 * Quotes a name for SQL. Every name that this package puts into a statement goes through here.
 *
 * Throws: INTERNAL.INVARIANT for an empty name or one with a NUL, which Postgres cannot hold.
 *
 * @example
 * ```ts
 * quoteIdentifier('visit "2024"') // "visit ""2024"""
 * ```
 */
export function quoteIdentifier(name: string): string {
  invariant(name !== '' && !name.includes('\0'), 'a name in SQL is empty or holds a NUL')
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Quotes a text for SQL, without a cast. The same under either `standard_conforming_strings`: a text with
 * backslashes takes the `E''` form.
 *
 * Throws: INTERNAL.INVARIANT for a text with a NUL, which Postgres cannot hold.
 *
 * @example
 * ```ts
 * quoteLiteral("it's") // 'it''s'
 * ```
 */
export function quoteLiteral(text: string): string {
  invariant(!text.includes('\0'), 'a literal in SQL holds a NUL')
  const quoted = text.replaceAll("'", "''")
  return quoted.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`
}

/**
 * Quotes a text for a command of the replication protocol, whose literals know no backslashes.
 *
 * Throws: INTERNAL.INVARIANT for a text with a NUL.
 *
 * @example
 * ```ts
 * quoteProtocolLiteral('\\') // '\\', where quoteLiteral has E'\\\\'
 * ```
 */
export function quoteProtocolLiteral(text: string): string {
  invariant(!text.includes('\0'), 'a literal in a command holds a NUL')
  return `'${text.replaceAll("'", "''")}'`
}
