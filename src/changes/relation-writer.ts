import { DbsyncError } from '../core/errors.ts'
import type { ModelContract } from '../contract/schema-contract.ts'
import { CHANGE } from '../wal/transaction.ts'
import type { WalRelation } from '../wal/wal-relation.ts'
import type { Column } from '../zset/column.ts'
import type { SourceTable } from '../zset/source-table.ts'
import { TUPLE, tupleEnd } from './tuple.ts'

/**
 * Told of a row of which the stream changed a part and whose rest is not known, by its key in wire text.
 * `hasMoved`: it came from another key, so that no chunk still to come need hold it.
 */
export type UnknownRowListener = (model: string, key: readonly string[], hasMoved: boolean) => void

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

  /** Applies one change; `start` is the position after the relation's oid. */
  write(tag: number, buffer: Buffer, start: number): void {
    if (tag === CHANGE.insert) this.#insert(buffer, start + 1)
    else if (tag === CHANGE.update) this.#update(buffer, start)
    else if (tag === CHANGE.delete) this.#delete(buffer, start + 1)
    else this.#table.clear()
  }

  #insert(buffer: Buffer, tuple: number): void {
    const table = this.#table
    const slot = table.allocate()
    this.#readTuple(buffer, tuple, slot)
    this.#put(table.find(slot), slot)
  }

  #update(buffer: Buffer, start: number): void {
    const table = this.#table
    const kind = buffer[start]
    let newTuple = start + 1
    let oldSlot = -1
    let old = -1
    if (kind !== TUPLE.new) {
      oldSlot = table.allocate()
      if (kind === TUPLE.old) this.#readTuple(buffer, start + 1, oldSlot)
      else this.#readKey(buffer, start + 1, oldSlot)
      old = table.find(oldSlot)
      newTuple = tupleEnd(buffer, start + 1) + 1
    }
    const slot = table.allocate()
    const hasUnchanged = this.#readTuple(buffer, newTuple, slot)
    // A key that is stored out of line is left out of the new row too, and then always comes with the old key.
    if (hasUnchanged && oldSlot >= 0) {
      for (const column of this.#unchanged) {
        if (table.keyColumns.includes(column)) column.copy(oldSlot, slot)
      }
    }
    const same = table.find(slot)
    if (oldSlot < 0) old = same
    if (hasUnchanged) {
      // The row under its old key has the value; the whole old tuple has it too; a row that a replay already moved
      // has it under its new key.
      const base = old >= 0 ? old : kind === TUPLE.old ? oldSlot : same
      if (base < 0) {
        // Nothing to inherit from: the row was never read. Its chunk is still to come, or it is read by its key.
        this.#onUnknownRow(this.#model, this.#keyTexts(buffer, newTuple), oldSlot >= 0)
        table.release(slot)
        if (oldSlot >= 0) table.release(oldSlot)
        return
      }
      for (const column of this.#unchanged) column.copy(base, slot)
    }
    if (oldSlot >= 0) table.release(oldSlot)
    if (old === same) this.#put(old, slot)
    else {
      // The key changed: the row leaves its old key and takes the new one.
      if (old >= 0) table.remove(old)
      this.#put(same, slot)
    }
  }

  #delete(buffer: Buffer, tuple: number): void {
    const table = this.#table
    const slot = table.allocate()
    this.#readKey(buffer, tuple, slot)
    const old = table.find(slot)
    table.release(slot)
    if (old >= 0) table.remove(old)
  }

  /** Makes `slot` the row of its key, in place of `old` if there is one. */
  #put(old: number, slot: number): void {
    putRow(this.#table, old, slot)
  }

  /** Reads every needed column; columns whose value the WAL left out are noted in `#unchanged`. */
  #readTuple(buffer: Buffer, tuple: number, slot: number): boolean {
    const targets = this.#targets
    const count = buffer.readInt16BE(tuple)
    if (count !== targets.length) throw malformedTuple()
    let at = tuple + 2
    this.#unchanged.length = 0
    for (let index = 0; index < count; index += 1) {
      const kind = buffer[at]
      at += 1
      const target = targets[index]
      if (kind === TUPLE.text) {
        const length = buffer.readInt32BE(at)
        at += 4
        if (target != null) target.read(slot, buffer, at, at + length)
        at += length
      } else if (kind === TUPLE.null) {
        target?.setNull(slot)
      } else if (kind === TUPLE.unchanged) {
        if (target != null) this.#unchanged.push(target)
      } else throw malformedTuple()
    }
    return this.#unchanged.length > 0
  }

  /** Reads the key's columns alone: in a key tuple the others are null without being so. */
  #readKey(buffer: Buffer, tuple: number, slot: number): void {
    const count = buffer.readInt16BE(tuple)
    if (count !== this.#targets.length) throw malformedTuple()
    let at = tuple + 2
    for (let index = 0; index < count; index += 1) {
      const kind = buffer[at]
      at += 1
      if (kind !== TUPLE.text) continue
      const length = buffer.readInt32BE(at)
      at += 4
      if (this.#isKey[index] === true) this.#targets[index]?.read(slot, buffer, at, at + length)
      at += length
    }
  }

  #keyTexts(buffer: Buffer, tuple: number): readonly string[] {
    const texts: string[] = []
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

function malformedTuple(): DbsyncError {
  return new DbsyncError(
    'WAL.MALFORMED',
    'A row of the stream does not have the columns of its relation; reconnecting.',
  )
}
