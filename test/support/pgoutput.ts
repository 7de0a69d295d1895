import { lsn, type Lsn } from '../../src/core/lsn.ts'
import type { Transaction } from '../../src/wal/transaction.ts'
import type { LogicalMessage } from '../../src/wal/logical-message.ts'
import { TransactionAssembler } from '../../src/wal/transaction-assembler.ts'

/**
 * The other side of the stream: writes what a walsender sends, from the manual's "Logical Replication Message Formats"
 * and "Streaming Replication Protocol". It shares no code with the package's reader.
 */

/** A value that the server leaves out because an update did not touch it. */
export const UNCHANGED = Symbol('unchanged')

/** One column of a tuple: text, NULL or left out. */
export type WireValue = string | null | typeof UNCHANGED

/** A table as a Relation message describes it. */
export interface WireTable {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly identity: 'd' | 'n' | 'f' | 'i'
  readonly columns: readonly { readonly name: string; readonly typeOid: number; readonly isKey: boolean }[]
}

/** A tuple before or instead of a new row: the key alone, or the whole old row. */
export interface OldTuple {
  readonly kind: 'K' | 'O'
  readonly row: readonly WireValue[]
}

const int8 = (value: number): Buffer => Buffer.from([value & 0xff])
function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return bytes
}
function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt.asIntN(64, value))
  return bytes
}
const cstring = (text: string): Buffer => Buffer.from(`${text}\0`)
const tag = (letter: string): Buffer => Buffer.from(letter, 'latin1')

function tuple(row: readonly WireValue[]): Buffer {
  const parts = [int16(row.length)]
  for (const value of row) {
    if (value === null) parts.push(tag('n'))
    else if (value === UNCHANGED) parts.push(tag('u'))
    else parts.push(tag('t'), int32(Buffer.byteLength(value)), Buffer.from(value))
  }
  return Buffer.concat(parts)
}

/** Payloads of the messages, without their frame. */
export const message = {
  begin: (xid: number, commitLsn: bigint, timeUs = 0n): Buffer =>
    Buffer.concat([tag('B'), int64(commitLsn), int64(timeUs), int32(xid)]),
  commit: (commitLsn: bigint, endLsn: bigint, timeUs = 0n): Buffer =>
    Buffer.concat([tag('C'), int8(0), int64(commitLsn), int64(endLsn), int64(timeUs)]),
  relation: (table: WireTable): Buffer =>
    Buffer.concat([
      tag('R'),
      int32(table.oid),
      cstring(table.schema),
      cstring(table.name),
      tag(table.identity),
      int16(table.columns.length),
      ...table.columns.flatMap((column) => [
        int8(column.isKey ? 1 : 0),
        cstring(column.name),
        int32(column.typeOid),
        int32(-1),
      ]),
    ]),
  insert: (table: WireTable, row: readonly WireValue[]): Buffer =>
    Buffer.concat([tag('I'), int32(table.oid), tag('N'), tuple(row)]),
  update: (table: WireTable, row: readonly WireValue[], old?: OldTuple): Buffer =>
    Buffer.concat([
      tag('U'),
      int32(table.oid),
      ...(old === undefined ? [] : [tag(old.kind), tuple(old.row)]),
      tag('N'),
      tuple(row),
    ]),
  delete: (table: WireTable, old: OldTuple): Buffer =>
    Buffer.concat([tag('D'), int32(table.oid), tag(old.kind), tuple(old.row)]),
  truncate: (tables: readonly WireTable[]): Buffer =>
    Buffer.concat([tag('T'), int32(tables.length), int8(0), ...tables.map((table) => int32(table.oid))]),
  logical: (prefix: string, content: string, isTransactional = true): Buffer =>
    Buffer.concat([
      tag('M'),
      int8(isTransactional ? 1 : 0),
      int64(1n),
      cstring(prefix),
      int32(Buffer.byteLength(content)),
      Buffer.from(content),
    ]),
  type: (oid: number, schema: string, name: string): Buffer =>
    Buffer.concat([tag('Y'), int32(oid), cstring(schema), cstring(name)]),
  origin: (name: string): Buffer => Buffer.concat([tag('O'), int64(1n), cstring(name)]),
}

/** One protocol message: tag, length, payload. */
export function protocolMessage(letter: string, payload: Buffer): Buffer {
  return Buffer.concat([tag(letter), int32(payload.length + 4), payload])
}

/** A CopyData frame with WAL data. */
export function walFrame(payload: Buffer): Buffer {
  return protocolMessage('d', Buffer.concat([tag('w'), int64(1n), int64(2n), int64(3n), payload]))
}

/** A CopyData frame with a keepalive. */
export function keepaliveFrame(walEnd: bigint, wantsReply = false): Buffer {
  return protocolMessage('d', Buffer.concat([tag('k'), int64(walEnd), int64(0n), int8(wantsReply ? 1 : 0)]))
}

/** The frames of a whole transaction. */
export function transactionFrames(
  xid: number,
  commitLsn: bigint,
  messages: readonly Buffer[],
  endLsn: bigint = commitLsn + 8n,
  timeUs = 0n,
): Buffer[] {
  return [message.begin(xid, commitLsn, timeUs), ...messages, message.commit(commitLsn, endLsn, timeUs)].map(
    walFrame,
  )
}

/** Calls `visit` with each protocol message that lies whole in a buffer, as the session does. */
export function eachFrame(buffer: Buffer, visit: (frame: number, end: number) => void): void {
  for (let at = 0; at + 5 <= buffer.length;) {
    const end = at + 1 + buffer.readInt32BE(at + 1)
    if (end < at + 5 || end > buffer.length) return
    visit(at, end)
    at = end
  }
}

/** Gives the WAL frames of some buffers to an assembler, where they lie. */
export function feed(assembler: TransactionAssembler, buffers: readonly Buffer[]): void {
  for (const buffer of buffers) {
    eachFrame(buffer, (frame, end) => {
      if (buffer[frame] === 0x64 && buffer[frame + 5] === 0x77) assembler.readFrame(buffer, frame, end)
    })
  }
}

/** What an assembler makes of some buffers; with `keepsMessages` as one that feeds consumers. */
export function assemble(
  buffers: readonly Buffer[],
  keepsMessages = false,
): { readonly transaction: Transaction; readonly messages: readonly LogicalMessage[] }[] {
  const whole: { transaction: Transaction; messages: readonly LogicalMessage[] }[] = []
  const assembler = new TransactionAssembler(
    {
      onTransaction: (transaction, messages) => whole.push({ transaction, messages }),
      onLargeTransaction() {},
    },
    Number.MAX_SAFE_INTEGER,
    keepsMessages,
  )
  feed(assembler, buffers)
  return whole
}

/** One transaction, assembled from its own buffer. */
export function transactionOf(
  xid: number,
  commitLsn: bigint,
  messages: readonly Buffer[],
  endLsn?: bigint,
  timeUs?: bigint,
): Transaction {
  const [one] = assemble([Buffer.concat(transactionFrames(xid, commitLsn, messages, endLsn, timeUs))])
  if (one === undefined) throw new Error('no transaction')
  return one.transaction
}

/** An LSN from a small number. */
export const at = (position: number | bigint): Lsn => lsn(BigInt(position))

const COPY_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** One field as COPY TO writes it in text format. */
export function copyText(value: string | null): string {
  if (value === null) return '\\N'
  return value.replaceAll(/[\\\b\f\n\r\t\v]/g, (character) => COPY_ESCAPES[character] ?? character)
}

/** A CopyData frame with one row in COPY's text format. */
export function copyFrame(row: readonly (string | null)[]): Buffer {
  return protocolMessage('d', Buffer.from(`${row.map(copyText).join('\t')}\n`))
}
