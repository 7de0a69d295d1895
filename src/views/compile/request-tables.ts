import { invariant } from '../../core/errors.ts'
import { ROW_KEY } from '../../zset/row-key.ts'
import type { PlannedSource, ViewPlan } from './plan.ts'
import type { PlanNode } from './plan-node.ts'

/** What blocks together need of one table. */
export interface TableDraft {
  readonly fields: Set<string>
  readonly indexes: Map<string, readonly string[]>
  slotWords: number
}

/** A table whose rows are handed out. */
export interface StoredRows {
  readonly model: string
  readonly fields: readonly string[]
}

/** By model name: what those blocks need of their tables. */
export function requestTables(
  plans: readonly ViewPlan[],
  nodes: readonly PlanNode[],
  stored: readonly StoredRows[],
): Map<string, TableDraft> {
  const drafts = new Map<string, TableDraft>()
  for (const { model, fields } of stored) {
    const draft = drafts.get(model) ?? { fields: new Set(), indexes: new Map(), slotWords: 0 }
    drafts.set(model, draft)
    for (const field of fields) draft.fields.add(field)
  }
  for (const plan of plans) {
    plan.sources.forEach((source, index) => {
      const draft = draftFor(drafts, source.model.model)
      for (const field of source.fields) draft.fields.add(field)
      if (plan.groupSource === index) draft.slotWords += 1
    })
    for (const { model, edge } of plan.sources) {
      if (edge === null) continue
      const parent = plan.sources[edge.parent]
      invariant(parent !== undefined, 'a join without a parent')
      requestIndex(drafts, model, edge.childFields)
      requestIndex(drafts, parent.model, edge.parentFields)
    }
  }
  // Backwards: what is read of the rows of a limit or a time bound is read of their input.
  for (const node of nodes.toReversed()) {
    if (node.kind === 'block') continue
    const wanted = drafts.get(node.table)?.fields ?? []
    const draft = draftFor(drafts, node.input)
    const own =
      node.kind === 'time' ? [node.field] : [...node.partition, ...node.order.map((item) => item.field)]
    // The number of a row is its own in each derived table, and a table of the database has none.
    for (const field of [...wanted, ...own]) if (field !== ROW_KEY) draft.fields.add(field)
  }
  return drafts
}

/** The draft of a table; a new one if nothing was asked of it yet. */
function draftFor(drafts: Map<string, TableDraft>, model: string): TableDraft {
  const known = drafts.get(model)
  if (known !== undefined) return known
  const draft: TableDraft = { fields: new Set(), indexes: new Map(), slotWords: 0 }
  drafts.set(model, draft)
  return draft
}

function requestIndex(
  drafts: Map<string, TableDraft>,
  model: PlannedSource['model'],
  fields: readonly string[],
): void {
  if (isWholeKey(model, fields)) return
  const sorted = [...new Set(fields)].toSorted()
  drafts.get(model.model)?.indexes.set(sorted.join(','), sorted)
}

/** Whether fields are a table's key, by which every table is searched anyway. */
export function isWholeKey(model: PlannedSource['model'], fields: readonly string[]): boolean {
  return new Set(fields).size === model.key.length && model.key.every((field) => fields.includes(field))
}
