import type { History, HistoryStatement, HistoryTransaction } from './history.ts'

/** A history without one of its transactions, without one statement, without one savepoint: each of them, the larger parts first. */
export function* smallerHistories({ transactions }: History): Generator<History, void, undefined> {
  for (const [index] of transactions.entries()) yield { transactions: transactions.toSpliced(index, 1) }
  for (const [index, transaction] of transactions.entries()) {
    for (const statements of smallerLists(transaction.statements)) {
      const smaller: HistoryTransaction = { ...transaction, statements }
      yield {
        transactions: transactions.toSpliced(index, 1, ...(statements.length > 0 ? [smaller] : [])),
      }
    }
  }
}

function* smallerLists(
  statements: readonly HistoryStatement[],
): Generator<readonly HistoryStatement[], void, undefined> {
  for (const [index, { op, sql }] of statements.entries()) {
    if (op === 'release' || op === 'rollback-to') continue
    if (op !== 'savepoint') {
      yield statements.toSpliced(index, 1)
      continue
    }
    const end = statements.findIndex(
      (other, at) => at > index && other.model === null && other.sql.endsWith(sql),
    )
    yield statements.toSpliced(index, end + 1 - index)
    yield statements.toSpliced(end, 1).toSpliced(index, 1)
  }
}
