import type { Arbitrary } from 'fast-check'
import type { ModelContract, RelationContract, Schema } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { columnForm, type ColumnForm } from './column-form.ts'
import { fc } from './fast-check.ts'

/** A row, or some of its columns, as texts by field name; null is NULL. */
export type TextRow = ReadonlyMap<string, string | null>

/** What a row is made of before it meets other rows: values for all columns, and numbers that choose the rows that it refers to. */
export interface RawRow {
  readonly texts: readonly (string | null)[]
  readonly picks: readonly number[]
}

/** How rows of one model are made, written and told apart. */
export interface ModelForm {
  readonly model: ModelContract
  readonly columns: readonly ColumnForm[]
  /** The field names of the key, then of each further unique index. */
  readonly uniques: readonly (readonly string[])[]
  /** Without those whose fields the user's own arbitraries make. */
  readonly relations: readonly RelationContract[]
  readonly raw: Arbitrary<RawRow>
}

/** Arbitraries of public values that take the place of the derived ones, by field name. */
export type OwnArbitraries = Readonly<Record<string, Arbitrary<unknown> | undefined>>

/** Room for {@link RawRow.picks}: large enough for any table of a test. */
const PICKS = 9_999

/** The form of a model. Throws: CONFIG.INVALID_OPTIONS for an arbitrary of a field that the model does not have; as `columnForm`. */
export function modelForm(schema: Schema, model: ModelContract, own: OwnArbitraries = {}): ModelForm {
  const fields = model.columns.map(({ field }) => field)
  const strange = Object.keys(own).find((field) => !fields.includes(field))
  if (strange !== undefined) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `The option "with" names "${strange}", which is no column of ${model.model}; it has ${fields.join(', ')}.`,
    )
  }
  const given = new Map(Object.entries(own))
  const columns = model.columns.map((column) => columnForm(schema, model, column, given.get(column.field)))
  const relations = model.relations.filter((one) => one.fields.some((field) => !given.has(field)))
  const texts = fc.tuple(...columns.map((column) => column.texts))
  const picks = fc.tuple(...relations.map(() => fc.nat(PICKS)))
  return {
    model,
    columns,
    uniques: [model.key, ...(model.uniques ?? [])],
    relations,
    raw: fc.record({ texts, picks }),
  }
}

/** The column of a field that the model has. */
export function formOf({ columns }: ModelForm, field: string): ColumnForm | undefined {
  return columns.find(({ column }) => column.field === field)
}

/** The values of a raw row by field. */
export function textRow({ columns }: ModelForm, { texts }: RawRow): Map<string, string | null> {
  return new Map(columns.map(({ column }, index) => [column.field, texts[index] ?? null]))
}

/**
 * What must not be there twice, a text for each unique index, each other than those of other indexes; none for one with a NULL, since NULLs
 * are distinct.
 */
export function uniqueTexts(form: ModelForm, row: TextRow): readonly string[] {
  return form.uniques.flatMap((fields, index) => {
    const texts = fields.map((field) => {
      const text = row.get(field) ?? null
      return text === null ? null : (formOf(form, field)?.identityOf(text) ?? text)
    })
    return texts.includes(null) ? [] : [JSON.stringify([index, ...texts])]
  })
}
