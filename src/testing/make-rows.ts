import { parsePgTypeName } from '../values/pg-type.ts'
import type { ColumnForm } from './column-form.ts'
import { formOf, textRow, uniqueTexts, type ModelForm, type RawRow, type TextRow } from './model-form.ts'
import { refer, type ReferredRows } from './references.ts'

/**
 * Makes rows that can all be inserted, in this order: each different from the ones before in every unique index, its references among the
 * rows that are there, itself and the ones before included. A row for which that cannot be had is left out.
 *
 * `own`: fields that the user's own arbitraries make, which stay as they are.
 */
export function makeRows(
  form: ModelForm,
  raws: readonly RawRow[],
  world: ReferredRows,
  own: ReadonlySet<string>,
): TextRow[] {
  const rows: TextRow[] = []
  const taken = new Set<string>()
  const inside: ReferredRows = {
    rowsOf: (relation) => (relation.model === form.model.model ? rows : world.rowsOf(relation)),
  }
  for (const [index, raw] of raws.entries()) {
    const row = textRow(form, raw)
    for (const { column, publicOf, textOf } of form.columns) {
      row.set(column.field, shownText(row.get(column.field) ?? null, { column, publicOf, textOf }))
    }
    if (!refer(form, row, raw.picks, inside, own)) continue
    if (isTaken(form, row, taken)) refresh(form, row, index + 1, own)
    if (isTaken(form, row, taken)) continue
    for (const text of uniqueTexts(form, row)) taken.add(text)
    rows.push(row)
  }
  return rows
}

function isTaken(form: ModelForm, row: TextRow, taken: ReadonlySet<string>): boolean {
  return uniqueTexts(form, row).some((text) => taken.has(text))
}

/** The text of what Prisma Client shows of a value: a Date has milliseconds, and JSON's null cannot be told from NULL. */
function shownText(
  text: string | null,
  { column, publicOf, textOf }: Pick<ColumnForm, 'column' | 'publicOf' | 'textOf'>,
): string | null {
  // Twice: an infinite number of JSON is written as null.
  const shown = textOf(publicOf(textOf(publicOf(text))))
  return shown === null && !column.nullable && column.type === 'Json' ? '{}' : shown
}

/** Gives each unique index one new value, where a column of it is free to take one. */
function refresh(
  form: ModelForm,
  row: Map<string, string | null>,
  number: number,
  own: ReadonlySet<string>,
): void {
  const bound = new Set([...own, ...form.relations.flatMap(({ fields }) => fields)])
  for (const fields of form.uniques) {
    for (const field of fields) {
      const column = formOf(form, field)?.column
      const text = bound.has(field) || column === undefined ? null : numbered(column, number)
      if (text === null) continue
      row.set(field, text)
      break
    }
  }
}

/** A text of the column's type for each number; null for a type without any. */
function numbered({ pgType, list, type }: ColumnForm['column'], number: number): string | null {
  if (list || type === 'Enum') return null
  const {
    base,
    modifiers: [length = Infinity],
  } = parsePgTypeName(pgType)
  switch (base) {
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'oid':
      return String(1000 + number)
    case 'uuid':
      return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
    case 'text':
    case 'citext':
    case 'character varying': {
      const text = `n${number}`
      return text.length <= length ? text : null
    }
    default:
      return null
  }
}
