import { WATERMARK_PREFIX } from '../../src/snapshot/chunk-query.ts'
import type { Lsn } from '../../src/core/lsn.ts'
import type { Captured } from '../support/captured.ts'
import { at, message, transactionFrames, UNCHANGED, walFrame, type OldTuple } from '../support/pgoutput.ts'
import {
  after,
  type ModelRow,
  type ModelTable,
  type ModelTransaction,
  type Statement,
} from './server-model.ts'
import type { WalEntry } from './steps.ts'

const ENTRY_BYTES = 100
const RECORD_BYTES = 50

/** The LSN after the entries of the WAL before `index`, and before the commit record of the next. */
export function lsnBefore(index: number): Lsn {
  return at(index * ENTRY_BYTES + RECORD_BYTES + 10)
}

function commitLsn(index: number): bigint {
  return BigInt((index + 1) * ENTRY_BYTES)
}

/** Whether a slot that stands at `position` still sends the entry: whose commit record does not begin before it. */
export function isSentFrom(position: Lsn, index: number): boolean {
  return commitLsn(index) >= position
}

/** The content of a chunk's watermark. */
export function watermarkOf(session: number, chunk: number): string {
  return `${session}:${chunk}`
}

/** Writes a model's WAL as a walsender sends it; each transaction is encoded once for each place in the WAL. */
export class WalBytes {
  /** What a session is told of the table before its first change. */
  readonly relation: Buffer
  readonly #captured: Captured
  readonly #transactions = new WeakMap<ModelTransaction, Buffer[]>()
  readonly #watermarks = new Map<string, Buffer>()

  constructor(captured: Captured) {
    this.#captured = captured
    this.relation = walFrame(message.relation(captured.wire))
  }

  /** The frames of the entry at `index`. */
  entry(entry: WalEntry, index: number): Buffer {
    if (entry.kind === 'commit') return this.#transaction(entry.transaction, index)
    const content = watermarkOf(entry.session, entry.chunk)
    const key = `${content} ${index}`
    const known = this.#watermarks.get(key)
    if (known !== undefined) return known
    const payload = message.logical(WATERMARK_PREFIX, content)
    const made = frames(1_000 + index, index, [payload])
    this.#watermarks.set(key, made)
    return made
  }

  #transaction(transaction: ModelTransaction, index: number): Buffer {
    const places = this.#transactions.get(transaction) ?? []
    this.#transactions.set(transaction, places)
    const known = places[index]
    if (known !== undefined) return known
    const payloads: Buffer[] = []
    let table: ModelTable = transaction.before
    for (const one of transaction.program) {
      payloads.push(this.#payload(one, one.kind === 'truncate' ? undefined : table.get(one.key)))
      table = after(table, one) ?? table
    }
    const made = frames(transaction.xid, index, payloads)
    places[index] = made
    return made
  }

  #payload(one: Statement, old: ModelRow | undefined): Buffer {
    const { wire, row } = this.#captured
    if (one.kind === 'truncate') return message.truncate([wire])
    const id = one.key
    const full = row({ id, name: old?.small ?? null, city: old?.large ?? null })
    // DEFAULT sends the old key where it changed, FULL always the whole old row.
    const before: OldTuple | undefined = wire.identity === 'f' ? { kind: 'O', row: full } : undefined
    switch (one.kind) {
      case 'insert':
        return message.insert(wire, row({ id, name: one.row.small, city: one.row.large }))
      case 'update':
        return message.update(wire, row({ id, name: one.row.small, city: one.row.large }), before)
      case 'touch':
        return message.update(wire, row({ id, name: one.small, city: UNCHANGED }), before)
      case 'delete':
        return message.delete(wire, before ?? { kind: 'K', row: row({ id }) })
      default:
        return message.update(
          wire,
          row({ id: one.to, name: `from ${id}`, city: UNCHANGED }),
          before ?? { kind: 'K', row: row({ id }) },
        )
    }
  }
}

function frames(xid: number, index: number, payloads: readonly Buffer[]): Buffer {
  const begin = commitLsn(index)
  return Buffer.concat(transactionFrames(xid, begin, payloads, begin + BigInt(RECORD_BYTES)))
}
