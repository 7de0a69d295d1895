import { columnRef } from './expression.ts'
import { columnNames, type RawTables } from './raw-query.ts'

/**
 * What a callback gets: `{ r, v }`, with every column as an own property, so that `...r` selects them all. A
 * name that is not there gives an expression too; the check reports it with its place.
 */
export function refsOf(sources: readonly RawTables[]): object {
  const entries = sources.flatMap((tables) => Object.entries(tables))
  const refs = Object.fromEntries(entries.map(([alias, table]) => [alias, columnsOf(alias, table)]))
  return withUnknown(refs, (alias) => columnsOf(alias, undefined))
}

/** The columns of what stands in FROM under that alias; those of a set operation's result under the empty one. */
export function columnsOf(alias: string, source: unknown): object {
  const columns = Object.fromEntries(columnNames(source).map((field) => [field, columnRef(alias, field)]))
  return withUnknown(columns, (field) => columnRef(alias, field))
}

function withUnknown(known: object, make: (name: string) => unknown): object {
  return new Proxy(Object.freeze(known), {
    get: (target, name) =>
      typeof name === 'symbol' || Object.hasOwn(target, name) ? Reflect.get(target, name) : make(name),
  })
}
