import fc from 'fast-check'
import type pg from 'pg'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { applyTransaction } from '../../src/testing/apply-history.ts'
import { toSql, type HistoryStatement, type HistoryTransaction } from '../../src/testing/history.ts'
import { transactions } from '../../src/testing/transactions.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { testDatabase } from '../support/database.ts'
import { contract, DDL, schema } from './fixture.ts'
import { Mirror, type TextRow } from './mirror.ts'

type Rows = Map<string, TextRow>

async function readAll(client: pg.ClientBase): Promise<Map<string, Rows>> {
  const all = new Map<string, Rows>()
  for (const model of contract.models) {
    const { rows } = await client.query<(string | null)[]>({
      text: `SELECT ${model.columns.map(({ column }) => `"${column}"`).join(', ')} FROM "${model.table}"`,
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text },
    })
    all.set(
      model.model,
      new Map(
        rows.map((row) => {
          const named = Object.fromEntries(
            model.columns.map(({ field }, index) => [field, row[index] ?? null]),
          )
          return [JSON.stringify(model.key.map((field) => named[field])), named]
        }),
      ),
    )
  }
  return all
}

/** What one statement did, row by row: deletes first, since a key may have moved to where another was. */
function feed(mirror: Mirror, before: Map<string, Rows>, after: Map<string, Rows>, moved: boolean): void {
  for (const { model } of contract.models) {
    const old = before.get(model) ?? new Map<string, TextRow>()
    const fresh = after.get(model) ?? new Map<string, TextRow>()
    const gone = [...old].filter(([key]) => !fresh.has(key))
    const come = [...fresh].filter(([key]) => !old.has(key))
    // An update of the key is one change to the stream: old key and new row together.
    if (moved && gone.length === 1 && come.length === 1 && gone[0] !== undefined && come[0] !== undefined) {
      mirror.change(model, gone[0][1], come[0][1])
    } else {
      for (const [, row] of gone) mirror.change(model, row, null)
      for (const [, row] of come) mirror.change(model, null, row)
    }
    for (const [key, row] of fresh) {
      const known = old.get(key)
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(row))
        mirror.change(model, known, row)
    }
  }
}

/**
 * Differences between views and their SQL after one of the transactions of a random history over the fixture's tables,
 * with the history that led to the first; empty if there are none.
 */
export async function history(
  views: readonly ViewDefinition[],
  seed: number,
  count: number,
): Promise<readonly string[]> {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(TEXT_SETTINGS)
  await client.query(DDL)
  const mirror = new Mirror(
    schema,
    views.map(({ ir }) => ir),
  )
  let known = await readAll(client)
  const feedChanges = async ({ op }: Pick<HistoryStatement, 'op'>): Promise<void> => {
    const now = await readAll(client)
    feed(mirror, known, now, op === 'move')
    known = now
  }
  const histories = transactions(schema, { transactions: count, statements: { min: 1, max: 4 } })
  const [made] = fc.sample(histories, { numRuns: 1, seed })
  const done: HistoryTransaction[] = []
  for (const transaction of made?.transactions ?? []) {
    done.push(transaction)
    await applyTransaction(client, transaction, feedChanges)
    // What was rolled back is taken back, as a transaction that undoes its own changes.
    await feedChanges({ op: 'rollback-to' })
    mirror.replica.flush()
    for (const view of views) {
      const state = mirror.replica.views.get(view.name)
      const rows = [...(state?.rows() ?? [])]
      const differences = (await compareView(view, rows, client)).map(formatDifference)
      if (state?.size !== rows.length)
        differences.push(`${view.name} counts ${state?.size} of ${rows.length} rows`)
      if (differences.length > 0) return [`seed ${seed}`, toSql({ transactions: done }), ...differences]
    }
  }
  return []
}
