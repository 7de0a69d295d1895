import type pg from 'pg'
import type { ViewDefinition } from '../views/define-view.ts'
import { queryOutputs } from '../views/query-outputs.ts'
import { formatRow, splitColumns } from './format-row.ts'
import { TEXT_SETTINGS, textOfPublic, textOfServer } from './canonical-text.ts'
import { nestedOfPublic, nestedOfServer } from './nested-text.ts'

/** A row as it is compared: each column's canonical text. */
export type ComparedRow = Readonly<Record<string, string>>

/** One row on which a view and its SQL disagree. */
export interface Difference {
  readonly view: string
  /** What the SQL answers; null: the view has a row too many. */
  readonly expected: ComparedRow | null
  /** What the view shows; null: the view lacks the row. */
  readonly actual: ComparedRow | null
}

/**
 * Compares rows, wherever a view is shown, with what its SQL answers on the server now; empty if they are the same.
 *
 * Both sides are compared as multisets, in both directions; where the view has a key, two rows of one key are
 * reported as one difference; where it has an order, so is the first row that stands elsewhere. Numbers, bigints, booleans, texts, dates and
 * bytes must be equal to the last bit and of the right JavaScript type, decimals by value, JSON whatever the order of its members.
 * `client` is left with settings of its own for dates, floats and bytes. Nothing is waited for: `verifyView` does that.
 * Throws: CONTRACT.INVALID for a view of an enum that its schema lacks.
 *
 * @example
 * ```ts
 * import { defineView } from 'prisma-dbsync'
 * import { compareView, formatDifference, type TestDatabase } from 'prisma-dbsync/testing'
 * import { Restaurant } from './generated/dbsync/index.ts'
 *
 * const names = defineView('names', (q) => q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: r.name })))
 *
 * export async function wrongRows(db: TestDatabase, answer: readonly unknown[]): Promise<readonly string[]> {
 *   const differences = await compareView(names, answer, await db.connect())
 *   return differences.map(formatDifference)
 * }
 * ```
 */
export async function compareView(
  view: ViewDefinition,
  rows: Iterable<unknown>,
  client: pg.ClientBase,
): Promise<Difference[]> {
  return compareRows(view, await rowsOfSql(view, client), rowsOfView(view, rows))
}

/** The rows of a view's SQL, in its order; or of another statement that gives the same columns. */
export async function rowsOfSql(
  view: ViewDefinition,
  client: pg.ClientBase,
  sql: string = view.sql,
): Promise<ComparedRow[]> {
  const rows = await printedRows(client, sql)
  return rows.map((row) =>
    Object.fromEntries(
      queryOutputs(view.ir.query).map(({ name, expression }, index) => [
        name,
        expression.kind === 'nested'
          ? nestedOfServer(view.schema, expression, JSON.parse(row[index] ?? 'null'))
          : textOfServer(view.schema, expression.type, row[index] ?? null),
      ]),
    ),
  )
}

/** The rows of a statement as the server prints them, under settings that print every digit. */
export async function printedRows(
  client: pg.ClientBase,
  sql: string,
): Promise<readonly (readonly (string | null)[])[]> {
  await client.query(TEXT_SETTINGS)
  const { rows } = await client.query<(string | null)[]>({
    text: sql,
    rowMode: 'array',
    types: { getTypeParser: () => (text: string) => text },
  })
  return rows
}

/** Rows as a view shows them, in its order. */
export function rowsOfView(view: ViewDefinition, rows: Iterable<unknown>): ComparedRow[] {
  return Array.from(rows, (row) => publicRow(view, row))
}

/** The differences between two readings of one view; empty if they are the same. `isOrdered`: whether the order counts where the view has one. */
export function compareRows(
  view: ViewDefinition,
  onServer: readonly ComparedRow[],
  shown: readonly ComparedRow[],
  isOrdered = true,
): Difference[] {
  const expected = new Multiset()
  for (const row of onServer) expected.add(row)
  const extra = new Multiset()
  for (const row of shown) if (!expected.remove(row)) extra.add(row)
  const differences = pair(view, [...expected.rows()], [...extra.rows()])
  return differences.length > 0 || !isOrdered ? differences : misplaced(view, onServer, shown)
}

/** The first row that stands elsewhere than on the server, by the columns of ORDER BY; rows that tie may be swapped. */
function misplaced(
  { name: view, ir }: ViewDefinition,
  expected: readonly ComparedRow[],
  actual: readonly ComparedRow[],
): Difference[] {
  // The SQL of a limit of each group leaves the order of the groups open.
  if ((ir.query.limit?.by.length ?? 0) > 0) return []
  const outputs = queryOutputs(ir.query)
  const text = (expression: unknown): string => JSON.stringify(expression)
  const names = ir.query.order.map(({ expression }) =>
    expression.kind === 'column' && expression.source === ''
      ? expression.field
      : outputs.find((output) => text(output.expression) === text(expression))?.name,
  )
  const known = names.slice(0, names.includes(undefined) ? names.indexOf(undefined) : names.length)
  const standing = (row: ComparedRow | undefined): string => text(known.map((name) => row?.[name ?? '']))
  const at = expected.findIndex((row, index) => standing(row) !== standing(actual[index]))
  return at < 0 ? [] : [{ view, expected: expected[at] ?? null, actual: actual[at] ?? null }]
}

/**
 * A difference in one line, with the columns that differ first.
 *
 * @example
 * ```ts
 * import { formatDifference } from 'prisma-dbsync/testing'
 *
 * const difference = { view: 'names', expected: { id: '"r1"', name: '"Nona"' }, actual: { id: '"r1"', name: '"Due"' } }
 * export const line = formatDifference(difference)        // names: name is "Due", on the server "Nona" in { id: "r1" }
 * ```
 */
export function formatDifference({ view, expected, actual }: Difference): string {
  if (expected === null) return `${view}: the server has no row ${formatRow(actual ?? {})}`
  if (actual === null) return `${view}: the view lacks the row ${formatRow(expected)}`
  const { wrong, right } = splitColumns(expected, actual)
  const columns = wrong.map(
    (name) => `${name} is ${actual[name] ?? 'absent'}, on the server ${expected[name] ?? 'absent'}`,
  )
  return `${view}: ${columns.join('; ')} in ${formatRow(right)}`
}

function publicRow(view: ViewDefinition, row: unknown): ComparedRow {
  if (typeof row !== 'object' || row === null) return { row: `${typeof row} where an object must be` }
  const values = new Map(Object.entries(row))
  const known = queryOutputs(view.ir.query).map(({ name, expression }): [string, string] => {
    const value = values.get(name)
    const shown =
      expression.kind === 'nested' ? nestedOfPublic(expression, value) : textOfPublic(expression.type, value)
    const text = values.has(name) ? shown : 'absent'
    values.delete(name)
    return [name, text]
  })
  // A property that the view does not define is a difference too.
  return Object.fromEntries([
    ...known,
    ...[...values.keys()].map((name): [string, string] => [name, 'unexpected']),
  ])
}

/** Rows by their text, with how often each is there. */
class Multiset {
  readonly #rows = new Map<string, { readonly row: ComparedRow; count: number }>()

  add(row: ComparedRow): void {
    const entry = this.#rows.get(identity(row))
    if (entry === undefined) this.#rows.set(identity(row), { row, count: 1 })
    else entry.count += 1
  }

  /** Whether the row was there. */
  remove(row: ComparedRow): boolean {
    const entry = this.#rows.get(identity(row))
    if (entry === undefined) return false
    entry.count -= 1
    if (entry.count === 0) this.#rows.delete(identity(row))
    return true
  }

  *rows(): Generator<ComparedRow> {
    for (const { row, count } of this.#rows.values()) {
      for (let index = 0; index < count; index += 1) yield row
    }
  }
}

function identity(row: ComparedRow): string {
  return JSON.stringify(Object.entries(row))
}

function pair(
  view: ViewDefinition,
  missing: readonly ComparedRow[],
  extra: readonly ComparedRow[],
): Difference[] {
  const { key } = view.ir
  const keyOf = (row: ComparedRow): string => JSON.stringify(key?.map((name) => row[name]))
  const byKey = new Map<string, ComparedRow[]>()
  for (const row of key === null ? [] : extra) {
    const rows = byKey.get(keyOf(row))
    if (rows === undefined) byKey.set(keyOf(row), [row])
    else rows.push(row)
  }
  const paired = new Set<ComparedRow>()
  const differences = missing.map((expected): Difference => {
    const actual = byKey.get(keyOf(expected))?.pop() ?? null
    if (actual !== null) paired.add(actual)
    return { view: view.name, expected, actual }
  })
  const left = key === null ? extra : [...byKey.values()].flat()
  return [...differences, ...left.map((actual): Difference => ({ view: view.name, expected: null, actual }))]
}
