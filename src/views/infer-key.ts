import type { Schema } from '../contract/schema-contract.ts'
import { modelOf } from '../contract/lookup.ts'
import { tableOf } from './models-of.ts'
import { determinedFields } from './check-joins.ts'
import type { ColumnIr, OutputIr, SourceIr, ViewIr } from './view-ir.ts'

type Column = Pick<ColumnIr, 'source' | 'field'>

/**
 * The columns that together tell the rows of a view apart, whether they are selected or not.
 *
 * Grouped: the group columns; where they hold the whole key of a table that is never missing, its other
 * columns drop out. Ungrouped: the keys of all tables, without the fields that a join fixes, so that the
 * "one" side of a join adds nothing.
 */
export function identifyingColumns(
  schema: Schema,
  sources: readonly SourceIr[],
  groupBy: readonly ColumnIr[] | null,
): readonly Column[] {
  const keys = new Map(sources.map((source) => [source.alias, modelOf(schema, tableOf(source)).key]))
  if (groupBy === null) {
    return sources.flatMap((source) => {
      const determined = determinedFields(source)
      return (keys.get(source.alias) ?? [])
        .filter((field) => !determined.has(field))
        .map((field) => ({ source: source.alias, field }))
    })
  }
  const reduced = new Set(
    sources
      .filter(({ join }) => join?.kind !== 'left')
      .filter(({ alias }) =>
        keys
          .get(alias)
          ?.every((field) => groupBy.some((column) => column.source === alias && column.field === field)),
      )
      .map(({ alias }) => alias),
  )
  return groupBy.filter(({ source, field }) => !reduced.has(source) || keys.get(source)?.includes(field))
}

/** The key of a view: the first output of each identifying column; null if one is not selected. */
export function inferKey(columns: readonly Column[], select: readonly OutputIr[]): ViewIr['key'] {
  const names = columns.map((column) => outputsOf(column, select)[0])
  return names.some((name) => name === undefined)
    ? null
    : [...new Set(names.filter((name) => name !== undefined))]
}

/** The outputs that are exactly that column. */
export function outputsOf(column: Column, select: readonly OutputIr[]): readonly string[] {
  return select.filter(({ expression }) => sameColumn(expression, column)).map(({ name }) => name)
}

function sameColumn(expression: OutputIr['expression'], column: Column): boolean {
  return (
    expression.kind === 'column' && expression.source === column.source && expression.field === column.field
  )
}
