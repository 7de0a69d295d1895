import type { HistoryOp, HistoryStatement } from './history.ts'
import { formOf, textRow, type ModelForm, type RawRow, type TextRow } from './model-form.ts'
import type { RawStatement } from './raw-history.ts'
import { refer, type ReferredRows } from './references.ts'
import { refersTo, type Referrer, type SimulatedTables } from './simulated-tables.ts'
import {
  deleteSql,
  insertSql,
  truncateSql,
  updateSql,
  type ColumnText,
  type ParameterSql,
} from './statement-sql.ts'

type Fields = ReadonlySet<string>

/**
 * Makes statements out of raw ones by what the tables hold, and does to the tables what the server will do. What comes of other rows is
 * taken from Prisma's defaults: a foreign key follows its row, is set to NULL if it may be, else its row goes as well. Where the
 * server does otherwise, later statements may do nothing or be refused, and that is all.
 */
export class StatementWriter {
  readonly #tables: SimulatedTables
  readonly #world: ReferredRows
  #written: HistoryStatement[] = []

  constructor(tables: SimulatedTables) {
    this.#tables = tables
    this.#world = { rowsOf: ({ model }) => tables.rowsOf(model) }
  }

  /** The statements that become of a raw one: none if there is nothing for it to do. */
  write(raw: RawStatement): readonly HistoryStatement[] {
    this.#written = []
    const form = this.#tables.forms[raw.form]
    if (form === undefined) return []
    const rows = this.#tables.rowsOf(form.model.model)
    const target = rows[raw.target % rows.length]
    // What finds no row would do nothing.
    if (raw.kind === 'insert' || target === undefined) this.#insert(form, raw)
    else if (raw.kind === 'truncate') this.#truncate(form)
    else if (raw.kind === 'delete') this.#deleteRows(form, target, raw)
    else this.#updateRows(form, target, raw)
    return this.#written
  }

  #insert(form: ModelForm, { row: raw, rash, columns }: RawStatement): void {
    const row = textRow(form, raw)
    if (!refer(form, row, raw.picks, this.#world)) return
    const [other] = this.#tables.conflicts(form, row)
    if (other !== undefined && !rash) {
      this.#change(form, other, raw, this.#plainFields(form, columns), false)
      return
    }
    this.#emit(form, 'insert', insertSql(form.model, this.#columnTexts(form, row)), other !== undefined)
    if (other === undefined) {
      this.#tables.setRows(form.model.model, [...this.#tables.rowsOf(form.model.model), row])
    }
  }

  #updateRows(form: ModelForm, target: TextRow, raw: RawStatement): void {
    const { key } = form.model
    const chosen = raw.columns.flatMap((at) => form.columns[at]?.column.field ?? [])
    if (raw.kind === 'update' && raw.all) {
      this.#updateAll(form, raw.row, this.#plainFields(form, raw.columns))
      return
    }
    const isKeyAlone = form.columns.every(({ column }) => key.includes(column.field))
    const isMove = raw.kind === 'move' || isKeyAlone
    const fields = chosen.filter((field) => key.includes(field) === isMove)
    const all = form.columns
      .map(({ column }) => column.field)
      .filter((field) => key.includes(field) === isMove)
    this.#change(form, target, raw.row, new Set(fields.length > 0 ? fields : all), raw.rash)
  }

  /** Gives fields of one row new values. */
  #change(form: ModelForm, target: TextRow, raw: RawRow, fields: Fields, isRash: boolean): void {
    const touched = form.relations.filter((relation) => relation.fields.some((field) => fields.has(field)))
    const free = new Set([...fields, ...touched.flatMap((relation) => relation.fields)])
    for (const field of form.model.key) if (!fields.has(field)) free.delete(field)
    for (const relation of form.relations) {
      if (!touched.includes(relation)) for (const field of relation.fields) free.delete(field)
    }
    const fixed = new Set(form.columns.map(({ column }) => column.field).filter((field) => !free.has(field)))
    const values = textRow(form, raw)
    const row = new Map([...target, ...[...free].map((field) => [field, values.get(field) ?? null] as const)])
    if (free.size === 0 || !refer(form, row, raw.picks, this.#world, fixed, touched)) return
    const hasConflict = this.#tables.conflicts(form, row, target).length > 0
    if (hasConflict && !isRash) return
    const set = this.#columnTexts(form, row).filter(({ column }) => free.has(column.field))
    const isMove = set.some(
      ({ column, text }) => form.model.key.includes(column.field) && text !== target.get(column.field),
    )
    const isFollowed = this.#followers(form, target, row).length > 0
    const sql = updateSql(form.model, set, this.#key(form, target))
    this.#emit(form, isMove ? 'move' : 'update', sql, hasConflict || isFollowed)
    if (!hasConflict) this.#follow(form, target, row)
  }

  #updateAll(form: ModelForm, raw: RawRow, fields: Fields): void {
    if (fields.size === 0) return
    const { model } = form.model
    const set = this.#columnTexts(form, textRow(form, raw)).filter(({ column }) => fields.has(column.field))
    this.#emit(form, 'update', updateSql(form.model, set, []))
    const changes = set.map(({ column, text }) => [column.field, text] as const)
    this.#tables.setRows(
      model,
      this.#tables.rowsOf(model).map((row) => new Map([...row, ...changes])),
    )
  }

  /** Of some columns those that no index and no foreign key minds. */
  #plainFields(form: ModelForm, columns: readonly number[]): Fields {
    const bound = new Set([...form.uniques.flat(), ...form.model.relations.flatMap(({ fields }) => fields)])
    const fields = columns.flatMap((at) => form.columns[at]?.column.field ?? [])
    return new Set(fields.filter((field) => !bound.has(field)))
  }

  #deleteRows(form: ModelForm, target: TextRow, { all, rash }: RawStatement): void {
    const { model } = form.model
    const rows = this.#tables.rowsOf(model)
    if (all && rows.every((row) => this.#tables.referrers(form, row).length === 0)) {
      this.#emit(form, 'delete', deleteSql(form.model, []))
      this.#tables.setRows(model, [])
    } else if (rash && this.#tables.referrers(form, target).length > 0) {
      this.#emit(form, 'delete', deleteSql(form.model, this.#key(form, target)), true)
      this.#remove(form, target, new Set())
    } else {
      this.#deleteRow(form, target, new Set())
    }
  }

  /** Deletes a row after those that refer to it, so that every server lets it go. */
  #deleteRow(form: ModelForm, row: TextRow, doomed: Set<TextRow>): void {
    doomed.add(row)
    for (let next; (next = this.#nextReferrer(form, row, doomed)) !== undefined;) {
      const nulls = this.#nullable(next)
      if (nulls.length === 0) {
        this.#deleteRow(next.form, next.row, doomed)
        continue
      }
      const other = new Map([...next.row, ...nulls.map(({ column }) => [column.field, null] as const)])
      this.#emit(next.form, 'update', updateSql(next.form.model, nulls, this.#key(next.form, next.row)))
      this.#tables.replace(next.form, next.row, other)
    }
    this.#emit(form, 'delete', deleteSql(form.model, this.#key(form, row)))
    this.#tables.replace(form, row, null)
  }

  /** What the server does when a row goes that others refer to. */
  #remove(form: ModelForm, row: TextRow, doomed: Set<TextRow>): void {
    doomed.add(row)
    for (let next; (next = this.#nextReferrer(form, row, doomed)) !== undefined;) {
      const nulls = this.#nullable(next)
      if (nulls.length === 0) this.#remove(next.form, next.row, doomed)
      else {
        const other = new Map([...next.row, ...nulls.map(({ column }) => [column.field, null] as const)])
        this.#tables.replace(next.form, next.row, other)
      }
    }
    this.#tables.replace(form, row, null)
  }

  #nextReferrer(form: ModelForm, row: TextRow, doomed: ReadonlySet<TextRow>): Referrer | undefined {
    return this.#tables.referrers(form, row).find((referrer) => !doomed.has(referrer.row))
  }

  #nullable({ form, relation }: Referrer): readonly ColumnText[] {
    return relation.fields
      .flatMap((field) => formOf(form, field)?.column ?? [])
      .filter(({ nullable }) => nullable)
      .map((column) => ({ column, text: null }))
  }

  /** The rows whose foreign keys change if one row becomes another. */
  #followers(form: ModelForm, row: TextRow, by: TextRow): readonly Referrer[] {
    return this.#tables
      .referrers(form, row)
      .filter(({ relation, row: referrer }) => !refersTo(relation, referrer, by))
  }

  /** One row for another; foreign keys follow. */
  #follow(form: ModelForm, row: TextRow, by: TextRow): void {
    const followers = this.#followers(form, row, by)
    this.#tables.replace(form, row, by)
    for (const { form: other, row: referrer, relation } of followers) {
      const moved = new Map(referrer)
      for (const [index, field] of relation.fields.entries()) {
        moved.set(field, by.get(relation.references[index] ?? '') ?? null)
      }
      // It may have followed by another foreign key already.
      if (this.#tables.rowsOf(other.model.model).includes(referrer)) this.#follow(other, referrer, moved)
    }
  }

  #truncate({ model }: ModelForm): void {
    const forms = this.#tables.referringModels(model.model)
    const sql = truncateSql(forms.map((form) => form.model))
    // A table outside may refer to one of these; and so does what is deferred to the end of the transaction.
    this.#written.push({ op: 'truncate', model: model.model, sql, values: [], mayFail: true })
    for (const form of forms) this.#tables.setRows(form.model.model, [])
  }

  #key(form: ModelForm, row: TextRow): readonly ColumnText[] {
    return form.model.key.flatMap((field) => {
      const column = formOf(form, field)?.column
      return column === undefined ? [] : [{ column, text: row.get(field) ?? null }]
    })
  }

  #columnTexts({ columns }: ModelForm, row: TextRow): ColumnText[] {
    return columns.map(({ column }) => ({ column, text: row.get(column.field) ?? null }))
  }

  #emit({ model }: ModelForm, op: HistoryOp, { sql, values }: ParameterSql, mayFail = false): void {
    this.#written.push({ op, model: model.model, sql, values, mayFail })
  }
}
