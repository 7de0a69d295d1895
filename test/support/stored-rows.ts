import type pg from 'pg'
import type { RowTexts } from '../../src/ivm/pending-rows.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import { queryOutputs } from '../../src/views/query-outputs.ts'
import type { TypeIr } from '../../src/views/view-ir.ts'
import { arrayElements } from '../../src/testing/canonical-text.ts'
import { printedRows } from '../../src/testing/compare-view.ts'

/** The rows on which a store and a view's SQL on the server now disagree, text for text, in a line each. */
export async function storedDifferences(
  view: ViewDefinition,
  stored: Iterable<RowTexts>,
  client: pg.ClientBase,
): Promise<readonly string[]> {
  const outputs = queryOutputs(view.ir.query)
  const rows = await printedRows(client, view.sql)
  const canonical = (row: RowTexts): string =>
    JSON.stringify(row.map((text, at) => canonicalText(text, outputs[at]?.expression.type)))
  const expected = new Set(rows.map(canonical))
  const actual = new Set([...stored].map(canonical))
  return [
    ...[...expected].filter((row) => !actual.has(row)).map((row) => `${view.name}: lacks ${row}`),
    ...[...actual].filter((row) => !expected.has(row)).map((row) => `${view.name}: has ${row}`),
  ]
}

/** Texts that mean one value of a type are one text: the order of members in JSON, the exponent of a float, the quotes in a list. */
function canonicalText(text: string | null, type: TypeIr | undefined): unknown {
  if (text === null || type === undefined) return text
  if (type.list) return arrayElements(text).map((element) => canonicalText(element, { ...type, list: false }))
  switch (type.pgType) {
    case 'json':
    case 'jsonb':
      return sorted(JSON.parse(text))
    case 'double precision':
    case 'real':
      return Number(text)
    default:
      return text
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}
