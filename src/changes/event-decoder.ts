import { DbsyncError } from '../core/errors.ts'
import { dateOfServerTime } from '../core/postgres-time.ts'
import { widenXid, xid8, type Xid8 } from '../core/xid.ts'
import type { ModelContract, Schema } from '../contract/schema-contract.ts'
import { codecFor } from '../values/codec-for.ts'
import type { ValueCodec } from '../values/value-codec.ts'
import { wireText } from '../values/wire-text.ts'
import { CHANGE, walkChanges, type Span, type Transaction } from '../wal/transaction.ts'
import type { WalRelation } from '../wal/wal-relation.ts'
import type { AnyChange, MessageEvent, TransactionInfo } from './change.ts'
import { copyField, showField, showNull, type EventRow } from './event-row.ts'
import { malformedTuple, TUPLE, tupleEnd } from './tuple.ts'

/** A wire column that the contract has. */
interface DecodedColumn {
  readonly field: string
  readonly codec: ValueCodec
}

/** Reads the tuples of one relation as rows with public values. */
class RowDecoder {
  readonly model: ModelContract
  /** Per wire column: the field and its codec, or null for a column that the contract does not have. */
  readonly #columns: readonly (DecodedColumn | null)[]

  constructor(schema: Schema, model: ModelContract, relation: WalRelation) {
    this.model = model
    this.#columns = relation.columns.map(({ name }) => {
      const column = model.columns.find((candidate) => candidate.column === name)
      return column === undefined
        ? null
        : { field: column.field, codec: codecFor(schema, model.model, column) }
    })
  }

  /** How many columns a tuple has. */
  get width(): number {
    return this.#columns.length
  }

  /** The row of a tuple. A value that the WAL left out is absent; in a key tuple so is everything but the key. */
  row(buffer: Buffer, tuple: number, onlyKey: boolean): EventRow {
    const row: EventRow = {}
    const count = buffer.readInt16BE(tuple)
    let at = tuple + 2
    for (let index = 0; index < count; index += 1) {
      const kind = buffer[at]
      at += 1
      const start = at + 4
      if (kind === TUPLE.text) at = start + buffer.readInt32BE(at)
      const end = at
      const column = this.#columns[index]
      if (column == null || kind === TUPLE.unchanged) continue
      if (onlyKey && !this.model.key.includes(column.field)) continue
      if (kind === TUPLE.text) showField(row, column.codec, () => wireText(buffer, start, end))
      else showNull(row, column.codec)
    }
    return row
  }

  keyOf(row: EventRow): EventRow {
    const key: EventRow = {}
    for (const field of this.model.key) copyField(row, key, field)
    return key
  }

  /** Fields whose wire bytes differ between two whole tuples, in the model's order. */
  changed(buffer: Buffer, oldTuple: number, newTuple: number): readonly string[] {
    const olds = this.#raw(buffer, oldTuple)
    const news = this.#raw(buffer, newTuple)
    const fields = new Set<string>()
    this.#columns.forEach((column, index) => {
      const next = news[index]
      // Left out: the update did not touch it.
      if (column !== null && next !== undefined && next !== olds[index]) fields.add(column.field)
    })
    return this.model.columns.map((column) => column.field).filter((field) => fields.has(field))
  }

  #raw(buffer: Buffer, tuple: number): (string | null | undefined)[] {
    const values: (string | null | undefined)[] = []
    const count = buffer.readInt16BE(tuple)
    let at = tuple + 2
    for (let index = 0; index < count; index += 1) {
      const kind = buffer[at]
      at += 1
      if (kind === TUPLE.text) {
        const length = buffer.readInt32BE(at)
        at += 4
        values.push(buffer.toString('latin1', at, at + length))
        at += length
      } else values.push(kind === TUPLE.unchanged ? undefined : null)
    }
    return values
  }
}

/**
 * Refuses a model with a column of a type that has no public value, before there is a change that would have to show it.
 *
 * Throws: VIEW.UNSUPPORTED.
 */
export function assertDecodable(schema: Schema, model: ModelContract): void {
  for (const column of model.columns) codecFor(schema, model.model, column)
}

/** A transaction whose spans may come from anywhere; each need only be good until the next one is taken. */
export type DecodableTransaction = Pick<Transaction, 'xid' | 'endLsn' | 'commitTimeUs' | 'relations'> & {
  readonly spans: Iterable<Span>
}

/** What of a transaction somebody wants to see. */
export interface Wanted {
  /** By name; null for all models that the decoder knows. */
  readonly models: ReadonlySet<string> | null
  readonly messages: boolean
}

const ALL_ROWS: Wanted = { models: null, messages: false }

/** Turns transactions into typed change events, for the models that somebody consumes. */
export class EventDecoder {
  readonly #schema: Schema
  readonly #models: ReadonlyMap<number, ModelContract>
  readonly #decoders = new WeakMap<WalRelation, RowDecoder | null>()
  readonly #reference: () => Xid8
  /** The highest id so far: a session may outlive 2^31 transactions, and then its reference is too old. */
  #highest: Xid8 = xid8(0n)

  /** `models` by relation oid; `reference` is a 64-bit transaction id of about the stream's start, to widen its ids by. */
  constructor(schema: Schema, models: ReadonlyMap<number, ModelContract>, reference: () => Xid8) {
    this.#schema = schema
    this.#models = models
    this.#reference = reference
  }

  /** Id, end and commit time of a transaction, as its events carry them. */
  infoOf(transaction: DecodableTransaction): Omit<TransactionInfo, 'seq'> {
    const reference = this.#reference()
    const xid = widenXid(transaction.xid, reference > this.#highest ? reference : this.#highest)
    if (xid > this.#highest) this.#highest = xid
    return { xid, lsn: transaction.endLsn, commitTime: dateOfServerTime(transaction.commitTimeUs) }
  }

  /** The row changes of one transaction in order; as {@link events}. */
  *changes(transaction: DecodableTransaction): Generator<AnyChange, void> {
    for (const event of this.events(transaction, ALL_ROWS)) {
      if (event.op !== 'message') yield event
    }
  }

  /**
   * The row changes and logical messages of one transaction in order, decoded span by span as they are taken: what is in memory
   * does not grow with the transaction. Places (`seq`) do not depend on what is wanted.
   *
   * Throws: CHANGES.UNDECODABLE_VALUE, CHANGES.UNKNOWN_ENUM_LABEL, WAL.MALFORMED.
   */
  *events(transaction: DecodableTransaction, wanted: Wanted): Generator<AnyChange | MessageEvent, void> {
    const info = this.infoOf(transaction)
    let { relations } = transaction
    let seq = -1
    let lastRelation: WalRelation | null = null
    let decoder: RowDecoder | null = null
    for (const span of transaction.spans) {
      const found: (AnyChange | MessageEvent)[] = []
      relations = walkChanges(
        [span],
        relations,
        (tag, relation, buffer, start, end) => {
          seq += 1
          if (relation !== lastRelation) {
            lastRelation = relation
            decoder = this.#decoderOf(relation)
            if (decoder !== null && wanted.models?.has(decoder.model.model) === false) decoder = null
          }
          if (decoder === null) return
          const tx: TransactionInfo = Object.freeze({ ...info, seq })
          found.push(Object.freeze(decodeChange(decoder, tag, buffer, start, end, tx)))
        },
        (prefix, content) => {
          seq += 1
          if (!wanted.messages) return
          const tx: TransactionInfo = Object.freeze({ ...info, seq })
          // A copy: the bytes outlive their span.
          found.push(Object.freeze({ op: 'message', prefix, content: Uint8Array.from(content), tx }))
        },
      )
      yield* found
    }
  }

  #decoderOf(relation: WalRelation): RowDecoder | null {
    const known = this.#decoders.get(relation)
    if (known !== undefined) return known
    const model = this.#models.get(relation.oid)
    const decoder = model === undefined ? null : new RowDecoder(this.#schema, model, relation)
    this.#decoders.set(relation, decoder)
    return decoder
  }
}

function decodeChange(
  decoder: RowDecoder,
  tag: number,
  buffer: Buffer,
  start: number,
  end: number,
  tx: TransactionInfo,
): AnyChange {
  const model = decoder.model.model
  if (tag === CHANGE.truncate) return { model, op: 'truncate', tx }
  const kind = buffer[start]
  const firstEnd = tupleEnd(buffer, start + 1, end, decoder.width)
  const isPair = tag === CHANGE.update && kind !== TUPLE.new
  const newTuple = firstEnd + 1
  if ((isPair ? tupleEnd(buffer, newTuple, end, decoder.width) : firstEnd) !== end) throw malformedTuple()
  if (tag === CHANGE.insert) {
    const after = decoder.row(buffer, start + 1, false)
    return { model, op: 'insert', key: decoder.keyOf(after), after, tx }
  }
  if (tag === CHANGE.delete) {
    const before = decoder.row(buffer, start + 1, kind === TUPLE.key)
    return { model, op: 'delete', key: decoder.keyOf(before), before, tx }
  }
  if (tag !== CHANGE.update) throw new DbsyncError('INTERNAL.INVARIANT', 'a change of unknown kind')
  if (kind === TUPLE.new) {
    const after = decoder.row(buffer, start + 1, false)
    return {
      model,
      op: 'update',
      key: decoder.keyOf(after),
      before: undefined,
      after,
      changed: undefined,
      tx,
    }
  }
  const isFull = kind === TUPLE.old
  const before = decoder.row(buffer, start + 1, !isFull)
  const sent = decoder.row(buffer, newTuple, false)
  // With the whole old row at hand nothing is missing; otherwise the old key stands in for a key left out.
  const after: EventRow = {}
  for (const row of [before, sent]) for (const field of Object.keys(row)) copyField(row, after, field)
  const changed = isFull ? decoder.changed(buffer, start + 1, newTuple) : undefined
  return { model, op: 'update', key: decoder.keyOf(after), before, after, changed, tx }
}
