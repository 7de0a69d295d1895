import type { RelationMap, Span, Transaction } from '../../../src/wal/transaction.ts'
import { COPY_HEADER, WAL_HEADER } from '../../../src/wal/transaction.ts'
import { readRelation } from '../../../src/wal/wal-relation.ts'
import { eachFrame } from '../../support/pgoutput.ts'

const RELATION = 'R'.charCodeAt(0)

/** The changes of a transaction one by one, each with the relations as they are described at its point. */
export function* eachChange({
  spans,
  relations,
}: Transaction): Generator<Pick<Transaction, 'spans' | 'relations'>> {
  let known: RelationMap = relations
  for (const { buffer, from, to } of spans) {
    const frames: Span[] = []
    eachFrame(buffer.subarray(from, to), (frame, end) => {
      frames.push({ buffer, from: from + frame, to: from + end })
    })
    for (const span of frames) {
      const at = span.from + COPY_HEADER + WAL_HEADER
      if (buffer[at] === RELATION) {
        const relation = readRelation(buffer, at + 1, span.to)
        known = new Map(known).set(relation.oid, relation)
      } else yield { spans: [span], relations: known }
    }
  }
}
