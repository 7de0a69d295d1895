import type { Lsn } from '../core/lsn.ts'

/** The committed transaction that an event belongs to. */
export interface TransactionInfo {
  /** The transaction's 64-bit id, `xid8`. */
  readonly xid: bigint
  /** The end of its commit record: the position from which on every reader of the WAL has seen it. */
  readonly lsn: Lsn
  /** The server's clock at commit. */
  readonly commitTime: Date
  /** Place of the event among those of its transaction, from 0; `(lsn, seq)` orders all events. */
  readonly seq: number
}

/**
 * A row as it is at `tx.lsn`, found by reading its table; nothing was written. `tx.xid` is 0, and `tx.seq` counts the rows that were
 * read together.
 */
export interface ReadChange<Model extends string = string, Key = unknown, Row = unknown> {
  readonly model: Model
  readonly op: 'read'
  readonly key: Key
  readonly after: Row
  readonly tx: TransactionInfo
}

/** A row that was inserted. */
export interface InsertChange<Model extends string = string, Key = unknown, Row = unknown> {
  readonly model: Model
  readonly op: 'insert'
  readonly key: Key
  readonly after: Row
  readonly tx: TransactionInfo
}

/** A row that was updated. `key` is its key after the update. */
export interface UpdateChange<
  Model extends string = string,
  Key = unknown,
  After = unknown,
  Before = unknown,
  Field extends string = string,
> {
  readonly model: Model
  readonly op: 'update'
  readonly key: Key
  /**
   * Undefined if the WAL carries no old values. With REPLICA IDENTITY DEFAULT it holds the old key, and
   * only if the key changed; with FULL the whole old row.
   */
  readonly before: Before | undefined
  /** The new row. A large value stored out of line that the update left alone is absent. */
  readonly after: After
  /** Fields whose value changed, in the model's order; undefined unless the whole old row is known. */
  readonly changed: readonly Field[] | undefined
  readonly tx: TransactionInfo
}

/** A row that was deleted. `before` holds its key, and with REPLICA IDENTITY FULL the whole row. */
export interface DeleteChange<Model extends string = string, Key = unknown, Before = unknown> {
  readonly model: Model
  readonly op: 'delete'
  readonly key: Key
  readonly before: Before
  readonly tx: TransactionInfo
}

/** All rows of the table went away at once. */
export interface TruncateChange<Model extends string = string> {
  readonly model: Model
  readonly op: 'truncate'
  readonly tx: TransactionInfo
}

/**
 * What a handler is given, told apart by `op`. Generated code has one such union for each model.
 *
 * Reading a field whose value its type cannot hold (`infinity` or a year BC for a Date, a NULL inside a list) throws
 * CHANGES.UNDECODABLE_VALUE; the other fields can be read.
 */
export type AnyChange = ReadChange | InsertChange | UpdateChange | DeleteChange | TruncateChange

/**
 * A logical message of a transaction, `pg_logical_emit_message(true, prefix, content)`, in its place among the changes. `content` is
 * its bytes, or what its schema made of them.
 */
export interface MessageEvent<Content = Uint8Array> {
  readonly op: 'message'
  readonly prefix: string
  readonly content: Content
  readonly tx: TransactionInfo
}

/** What a handler may return: nothing, or a promise of nothing that the runtime awaits. */
export type HandlerResult = void | Promise<void>
