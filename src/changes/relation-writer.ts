import { DbsyncError } from '../core/errors.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { CHANGE } from '../wal/transaction.ts'
import type { WalRelation } from '../wal/wal-relation.ts'
import type { Column } from '../zset/column.ts'
import type { SourceTable } from '../zset/source-table.ts'
import { malformedTuple, textEnd, TUPLE } from './tuple.ts'

/**
 * Told of a row of which the stream changed a part and whose rest is not known, by its key in wire text. `former`: the key
 * that it came from; then no chunk still to come need hold it. A snapshot that does not see the move has it there.
 */
export type UnknownRowListener = (
  model: string,
  key: readonly string[],
  former: readonly string[] | null,
) => void

/**
 * Writes the changes of one relation, as the stream describes it, into its columnar table.
 *
 * The wire text of each needed column is parsed where it lies straight into the table's typed columns; no row
 * object and no string is made. Old values come from the table, so REPLICA IDENTITY DEFAULT is enough, and an unchanged
 * TOAST value is copied from the row that it belongs to.
 * Throws: CONTRACT.COLUMN_MISSING at binding; CHANGES.* from the columns.
 */
export class RelationWriter {
  readonly #table: SourceTable
  readonly #model: string
  /** Per wire column: where it goes, or null if no view needs it. */
  readonly #targets: readonly (Column | null)[]
  /** Per wire column: whether it belongs to our key. */
  readonly #isKey: readonly boolean[]
  /** Wire position of each key column, in the key's order. */
  readonly #keyPositions: readonly number[]
  /** Columns whose value the last tuple left out. */
  readonly #unchanged: Column[] = []
  readonly #onUnknownRow: UnknownRowListener

  constructor(
    relation: WalRelation,
    model: ModelContract,
    table: SourceTable,
    onUnknownRow: UnknownRowListener,
  ) {
    this.#table = table
    this.#model = model.model
    this.#onUnknownRow = onUnknownRow
    const fieldOf = new Map(model.columns.map((column) => [column.column, column.field]))
    this.#targets = relation.columns.map((column) => {
      const field = fieldOf.get(column.name)
      return table.columns.find((candidate) => candidate.contract.field === field) ?? null
    })
    const names = relation.columns.map((column) => column.name)
    this.#keyPositions = model.key.map((field) => {
      const column = model.columns.find((candidate) => candidate.field === field)
      return names.indexOf(column?.column ?? '')
    })
    this.#isKey = names.map((_, position) => this.#keyPositions.includes(position))
    for (const { contract } of table.columns) {
      if (!names.includes(contract.column)) throw columnGone(model, contract.column)
    }
  }

  /**
   * Applies one change; `start` is the position after the relation's oid, `end` the one after the message.
   *
   * A replay applies what the table already shows over a chunk that is older: it may only build on rows that the merge
   * itself has put (those of the table's current generation). Any other row is further on than the change and stays.
   */
  write(tag: number, buffer: Buffer, start: number, end: number, isReplay: boolean): void {
    if (tag === CHANGE.insert) this.#insert(buffer, start + 1, end)
    else if (tag === CHANGE.update) this.#update(buffer, start, end, isReplay)
    else if (tag === CHANGE.delete) this.#delete(buffer, start + 1, end, isReplay)
    else this.#table.clear()
  }

  #insert(buffer: Buffer, tuple: number, end: number): void {
    const table = this.#table
    const slot = table.allocate()
    if (this.#readTuple(buffer, tuple, end, slot) !== end) throw malformedTuple()
    this.#put(table.find(slot), slot)
  }

  #update(buffer: Buffer, start: number, end: number, isReplay: boolean): void {
    const table = this.#table
    const kind = buffer[start]
    let newTuple = start + 1
    let oldSlot = -1
    let old = -1
    if (kind !== TUPLE.new) {
      oldSlot = table.allocate()
      newTuple =
        1 +
        (kind === TUPLE.old
          ? this.#readTuple(buffer, start + 1, end, oldSlot)
          : this.#readKey(buffer, start + 1, end, oldSlot))
      old = table.find(oldSlot)
    }
    const slot = table.allocate()
    if (this.#readTuple(buffer, newTuple, end, slot) !== end) throw malformedTuple()
    const hasUnchanged = this.#unchanged.length > 0
    // A key that is stored out of line is left out of the new row too, and then always comes with the old key.
    if (hasUnchanged && oldSlot >= 0) {
      for (const column of this.#unchanged) {
        if (table.keyColumns.includes(column)) column.copy(oldSlot, slot)
      }
    }
    const same = table.find(slot)
    if (oldSlot < 0) old = same
    const isOldMine = old >= 0 && (!isReplay || this.#isMerged(old))
    if (hasUnchanged) {
      // The whole old tuple has the value; else the row under its old key; else the row that a session which was cut off
      // had already moved.
      let base = isReplay ? -1 : same
      if (kind === TUPLE.old) base = oldSlot
      else if (isOldMine) base = old
      if (base < 0) {
        // Nothing to inherit from. In a replay a row that is there, or that has not moved, is settled without this
        // change; else the row was never read: its chunk is still to come, or it is read by its key.
        const isSettled = isReplay && (same >= 0 || oldSlot < 0)
        if (!isSettled) this.#askForRow(buffer, start, newTuple, oldSlot >= 0)
        else if (same >= 0) table.confirm(same)
        table.release(slot)
        if (oldSlot >= 0) table.release(oldSlot)
        return
      }
      for (const column of this.#unchanged) column.copy(base, slot)
    }
    if (oldSlot >= 0) table.release(oldSlot)
    // The key changed: the row leaves its old key and takes the new one.
    if (old !== same && isOldMine) table.remove(old)
    this.#put(same, slot)
  }

  #delete(buffer: Buffer, tuple: number, end: number, isReplay: boolean): void {
    const table = this.#table
    const slot = table.allocate()
    if (this.#readKey(buffer, tuple, end, slot) !== end) throw malformedTuple()
    const old = table.find(slot)
    table.release(slot)
    if (old >= 0 && (!isReplay || this.#isMerged(old))) table.remove(old)
  }

  /** Whether the merge that goes on has put this row, from its chunk or from a change before this one. */
  #isMerged(slot: number): boolean {
    return this.#table.markOf(slot) === this.#table.generation
  }

  /** Makes `slot` the row of its key, in place of `old` if there is one. */
  #put(old: number, slot: number): void {
    putRow(this.#table, old, slot)
  }

  /** Reads every needed column and returns the tuple's end; columns that the WAL left out are noted in `#unchanged`. */
  #readTuple(buffer: Buffer, tuple: number, end: number, slot: number): number {
    const targets = this.#targets
    if (end - tuple < 2) throw malformedTuple()
    const count = buffer.readInt16BE(tuple)
    if (count !== targets.length) throw malformedTuple()
    let at = tuple + 2
    // Almost always empty, and even then setting the length is a call out of compiled code.
    if (this.#unchanged.length > 0) this.#unchanged.length = 0
    for (let index = 0; index < count; index += 1) {
      if (at >= end) throw malformedTuple()
      const kind = buffer[at]
      at += 1
      const target = targets[index]
      if (kind === TUPLE.text) {
        const value = at + 4
        at = textEnd(buffer, at, end)
        if (target != null) target.read(slot, buffer, value, at)
      } else if (kind === TUPLE.null) {
        target?.setNull(slot)
      } else if (kind === TUPLE.unchanged) {
        if (target != null) this.#unchanged.push(target)
      } else throw malformedTuple()
    }
    return at
  }

  /** Reads the key's columns alone, since in a key tuple the others are null without being so; returns the tuple's end. */
  #readKey(buffer: Buffer, tuple: number, end: number, slot: number): number {
    if (end - tuple < 2) throw malformedTuple()
    const count = buffer.readInt16BE(tuple)
    if (count !== this.#targets.length) throw malformedTuple()
    let at = tuple + 2
    for (let index = 0; index < count; index += 1) {
      if (at >= end) throw malformedTuple()
      const kind = buffer[at]
      at += 1
      const isKey = this.#isKey[index] === true
      if (kind === TUPLE.text) {
        const value = at + 4
        at = textEnd(buffer, at, end)
        if (isKey) this.#targets[index]?.read(slot, buffer, value, at)
      } else if (isKey || kind !== TUPLE.null) throw malformedTuple()
    }
    return at
  }

  /** Has the row read by its key; a part of the new key that is left out of the new tuple is in the old one. */
  #askForRow(buffer: Buffer, start: number, newTuple: number, hasMoved: boolean): void {
    const key = this.#keyTexts(buffer, hasMoved ? [start + 1, newTuple] : [newTuple])
    this.#onUnknownRow(this.#model, key, hasMoved ? this.#keyTexts(buffer, [start + 1]) : null)
  }

  /** A key in wire text, as the last of some tuples that has the part says. */
  #keyTexts(buffer: Buffer, tuples: readonly number[]): readonly string[] {
    const texts: string[] = []
    for (const tuple of tuples) {
      const count = buffer.readInt16BE(tuple)
      let at = tuple + 2
      for (let index = 0; index < count; index += 1) {
        const kind = buffer[at]
        at += 1
        if (kind !== TUPLE.text) continue
        const length = buffer.readInt32BE(at)
        at += 4
        if (this.#isKey[index] === true) texts[index] = buffer.toString('utf8', at, at + length)
        at += length
      }
    }
    return this.#keyPositions.map((position) => texts[position] ?? '')
  }
}

/** Makes `slot` the row of its key, in place of `old` (or -1); an update that changes nothing kept is dropped. */
export function putRow(table: SourceTable, old: number, slot: number): void {
  if (old < 0) table.insert(slot)
  else if (table.sameRow(old, slot)) {
    table.release(slot)
    table.mark(old)
  } else table.replace(old, slot)
}

function columnGone(model: ModelContract, column: string): DbsyncError {
  return new DbsyncError(
    'CONTRACT.COLUMN_MISSING',
    `Column "${column}" of ${model.schema}.${model.table} (model ${model.model}) is gone from the stream: it was dropped or ` +
      'renamed, or the publication leaves it out. Correct schema.prisma, run prisma generate and start again.',
    { details: { model: model.model, column } },
  )
}
