import fc from 'fast-check'
import type pg from 'pg'
import { COLUMNS, VALUES } from './item.ts'
import type { Mirror, TextRow } from './mirror.ts'

/** The rows of the table in wire text, by key. */
export type Rows = ReadonlyMap<string, TextRow>

/** All rows as they are now. */
export async function readItems(client: pg.ClientBase): Promise<Rows> {
  const { rows } = await client.query<TextRow>({
    text: `SELECT ${COLUMNS.map((name) => `"${name}"`).join(', ')} FROM item`,
    types: { getTypeParser: () => (text: string) => text },
  })
  return new Map(rows.map((row) => [row['id'] ?? '', row]))
}

/** Gives a mirror what changed between two states, row by row. */
export function feed(mirror: Mirror, before: Rows, after: Rows): void {
  for (const [id, row] of before) if (!after.has(id)) mirror.change('Item', row, null)
  for (const [id, row] of after) mirror.change('Item', before.get(id) ?? null, row)
}

/** A text or NULL as SQL. */
export const literal = (text: string | null): string =>
  text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`

/** The columns beside the key. */
export const NAMES = Object.keys(VALUES)
const items = fc.tuple(
  ...NAMES.map((name) => fc.option(fc.constantFrom(...(VALUES[name] ?? [])), { freq: 5 })),
)

/** Rows of random values, the first of nulls alone. */
export function insertion(seed: number, from: number, count: number): string {
  const rows = fc.sample(items, { numRuns: count, seed })
  rows[0] = NAMES.map(() => null)
  const tuples = rows.map((row, at) => `(${from + at}, ${row.map(literal).join(', ')})`)
  return `INSERT INTO item (id, ${NAMES.map((name) => `"${name}"`).join(', ')}) VALUES ${tuples.join(', ')}`
}
