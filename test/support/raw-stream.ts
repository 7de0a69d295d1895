import type { Lsn } from '../../src/core/lsn.ts'
import { ReplicationSession } from '../../src/replication/replication-session.ts'
import { walkChanges, type Transaction } from '../../src/wal/transaction.ts'
import { TransactionAssembler } from '../../src/wal/transaction-assembler.ts'

/** A stream read by the shipped session and assembler, with nothing behind them. */
export interface RawStream {
  readonly session: ReplicationSession
  readonly transactions: Transaction[]
  /** The last keepalive's position. */
  walEnd(): Lsn | null
  /** Resolves once so many transactions have come. */
  until(count: number, timeoutMs?: number): Promise<void>
}

/** Streams a slot's changes; `onTransaction` runs inside the stream's turn. */
export async function rawStream(
  url: string,
  slot: string,
  publication: string,
  onTransaction: (transaction: Transaction, session: ReplicationSession) => void = () => {},
): Promise<RawStream> {
  const session = await ReplicationSession.connect(url)
  const transactions: Transaction[] = []
  let walEnd: Lsn | null = null
  const assembler = new TransactionAssembler(
    {
      onTransaction(transaction) {
        transactions.push(transaction)
        onTransaction(transaction, session)
      },
      onLargeTransaction() {},
    },
    Number.MAX_SAFE_INTEGER,
  )
  await session.start(slot, publication, {
    onFrame: (buffer, frame, end) => assembler.readFrame(buffer, frame, end),
    onChunkEnd() {},
    streamedTimeUs: null,
    onKeepalive(position) {
      walEnd = position
    },
  })
  return {
    session,
    transactions,
    walEnd: () => walEnd,
    async until(count, timeoutMs = 10_000) {
      const deadline = Date.now() + timeoutMs
      while (transactions.length < count) {
        if (Date.now() > deadline) throw new Error(`${transactions.length} of ${count} transactions came`)
        await new Promise((done) => setTimeout(done, 10))
      }
    },
  }
}

/** The wire text of the first column of each new row, in order. */
export function firstColumns(transaction: Transaction): string[] {
  const values: string[] = []
  walkChanges(transaction.spans, transaction.relations, (_tag, _relation, buffer, start) => {
    // Past the tuple's kind, its column count and the first column's kind.
    const length = buffer.readInt32BE(start + 4)
    values.push(buffer.toString('utf8', start + 8, start + 8 + length))
  })
  return values
}
