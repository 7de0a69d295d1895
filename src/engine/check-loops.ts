import { DbsyncError } from '../core/errors.ts'
import { planDerivedColumns, type DerivedColumns } from '../stores/postgres/check-derived-columns.ts'
import type { TableName } from '../stores/postgres/table-ddl.ts'
import { columnsRead } from '../views/columns-read.ts'
import type { ViewDefinition } from '../views/define-view.ts'

/** A view that is written to a derived table. */
export interface DerivedTable extends TableName {
  readonly view: ViewDefinition
}

/** What a sync writes into its own source database. Tables of another database cannot come back through the stream. */
export interface WrittenBack {
  readonly tables: readonly DerivedTable[]
  readonly columns: readonly DerivedColumns[]
}

/**
 * Checks that nothing that a sync writes comes back to it as a change: no view reads a derived table of the sync, no view reads a column
 * that it writes, itself or through what other views make of it. `views` are all of the sync, also those that are written nowhere.
 *
 * Throws: STORE.LOOP; CONFIG.INVALID_OPTIONS for two views that write one table or one column, and for columns that do not fit
 * (`planDerivedColumns`).
 */
export function checkLoops(views: readonly ViewDefinition[], { tables, columns }: WrittenBack): void {
  checkTables(views, tables)
  checkColumns(tables, columns)
  checkCycles(columns)
}

function checkTables(views: readonly ViewDefinition[], tables: readonly DerivedTable[]): void {
  tables.forEach((one, index) => {
    const other = tables.slice(0, index).find((item) => isSameTable(item, one))
    if (other !== undefined) {
      throw new DbsyncError(
        'CONFIG.INVALID_OPTIONS',
        `The views ${other.view.name} and ${one.view.name} are both written to the table ${nameOf(one)}. Give one of them another name.`,
        { details: { views: [other.view.name, one.view.name], table: nameOf(one) } },
      )
    }
  })
  for (const view of views) {
    const models = view.schema.contract.models
    for (const model of columnsRead(view.ir.query).keys()) {
      const contract = models.find((item) => item.model === model)
      const table = contract && tables.find((item) => isSameTable(item, contract))
      if (table === undefined) continue
      throw new DbsyncError(
        'STORE.LOOP',
        `The view ${view.name} reads ${model}, which is the derived table ${nameOf(table)} of the view ${table.view.name}: what is written there ` +
          `would have to come back as a change. Read the view ${table.view.name} itself instead.`,
        { details: { view: view.name, model, writer: table.view.name } },
      )
    }
  }
}

function checkColumns(tables: readonly DerivedTable[], columns: readonly DerivedColumns[]): void {
  const writers = new Map<string, string>()
  for (const one of columns) {
    const { model, set } = planDerivedColumns(one)
    const table = tables.find((item) => isSameTable(item, model))
    if (table !== undefined) {
      throw new DbsyncError(
        'CONFIG.INVALID_OPTIONS',
        `The view ${one.view.name} is written into columns of ${one.model}, which is the derived table of the view ${table.view.name}. Select ` +
          'its values in that view instead.',
        { details: { view: one.view.name, model: one.model } },
      )
    }
    for (const { column } of set) {
      const name = `${one.model}.${column.field}`
      const other = writers.get(name)
      if (other !== undefined) {
        throw new DbsyncError(
          'CONFIG.INVALID_OPTIONS',
          `The views ${other} and ${one.view.name} are both written into ${name}. Leave it to one of them.`,
          { details: { views: [other, one.view.name], column: name } },
        )
      }
      writers.set(name, one.view.name)
    }
  }
}

/** An entry that writes something that another one reads, and what that is. */
interface Arrow {
  readonly to: DerivedColumns
  readonly column: string
}

function checkCycles(columns: readonly DerivedColumns[]): void {
  const arrows = new Map(columns.map((one) => [one, columns.flatMap((to) => arrowsBetween(one, to))]))
  for (const start of columns) {
    const way = wayBack(start, arrows)
    if (way === null) continue
    const [first] = way
    const told =
      way.length === 1
        ? `The view ${start.view.name} reads ${first?.column}, which it writes`
        : `Views write what the next one reads, in a circle: ${way.map(({ column, to }) => `${column}, read by ${to.view.name}`).join('; ')}`
    throw new DbsyncError(
      'STORE.LOOP',
      `${told}: each write would cause another one. Write into a column that it does not depend on, or leave the column out of the view.`,
      {
        details: {
          views: [...new Set(way.map(({ to }) => to.view.name))],
          columns: way.map(({ column }) => column),
        },
      },
    )
  }
}

function arrowsBetween({ model, set }: DerivedColumns, to: DerivedColumns): readonly Arrow[] {
  const read = columnsRead(to.view.ir.query).get(model)
  const field = Object.keys(set).find((name) => read?.has(name) === true)
  return field === undefined ? [] : [{ to, column: `${model}.${field}` }]
}

/** The shortest way along the arrows from an entry back to it; null if there is none. */
function wayBack(
  start: DerivedColumns,
  arrows: ReadonlyMap<DerivedColumns, readonly Arrow[]>,
): readonly Arrow[] | null {
  const seen = new Set<DerivedColumns>()
  let ways: readonly (readonly Arrow[])[] = [[]]
  while (ways.length > 0) {
    const longer: (readonly Arrow[])[] = []
    for (const way of ways) {
      for (const arrow of arrows.get(way.at(-1)?.to ?? start) ?? []) {
        if (arrow.to === start) return [...way, arrow]
        if (!seen.has(arrow.to)) longer.push([...way, arrow])
        seen.add(arrow.to)
      }
    }
    ways = longer
  }
  return null
}

function isSameTable(a: TableName, b: TableName): boolean {
  return a.schema === b.schema && a.table === b.table
}

function nameOf({ schema, table }: TableName): string {
  return `${schema}.${table}`
}
