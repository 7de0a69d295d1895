import type pg from 'pg'
import { quoteIdentifier } from '../../src/core/quote.ts'
import { storedViewOf } from '../../src/stores/stored-view.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'

/** Whatever answers SQL. */
export interface Queried {
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>
}

/** The rows on which views' derived tables and their SQL disagree now, text for text and each as often as it is there. */
export async function derivedDifferences(
  source: Queried,
  views: readonly ViewDefinition[],
  target: Queried = source,
): Promise<readonly string[]> {
  const found: string[] = []
  for (const view of views) {
    const names = storedViewOf(view).columns.map(({ name }) => `v.${quoteIdentifier(name)}`)
    const texts = async (database: Queried, from: string): Promise<readonly string[]> => {
      const rows = await database.query<{ text: string }>(
        `SELECT ROW(${names.join(', ')})::text AS text FROM ${from} AS v`,
      )
      return rows.map(({ text }) => text)
    }
    const counts = new Map<string, number>()
    const add = (text: string, count: number): void => {
      counts.set(text, (counts.get(text) ?? 0) + count)
    }
    for (const text of await texts(source, `(${view.sql})`)) add(text, 1)
    for (const text of await texts(target, `derived.${quoteIdentifier(view.name)}`)) add(text, -1)
    for (const [text, count] of counts) {
      if (count !== 0) found.push(`${view.name} ${count > 0 ? 'lacks' : 'has'} ${text}`)
    }
  }
  return found
}
