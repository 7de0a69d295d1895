import { modelOf } from '../contract/lookup.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { assertNoFindings } from '../postgres/finding.ts'
import { preflight, type Preflight, type TableNeed } from '../postgres/preflight.ts'
import { ensurePublication } from '../postgres/publication.ts'
import type { Replica as CompiledViews } from '../views/compile.ts'
import type { CheckedOptions } from './options.ts'

/** Which tables, and which of their columns, the views and handlers of a sync read. */
export function tableNeeds(options: CheckedOptions, compiled: CompiledViews): readonly TableNeed[] {
  const { schema, handlers } = options
  const fields = new Map<string, Set<string>>()
  for (const [model, table] of compiled.tables) {
    fields.set(model, new Set(table.columns.map(({ contract }) => contract.field)))
  }
  for (const model of handlers.keys()) {
    const all = modelOf(schema, model).columns.map((column) => column.field)
    fields.set(model, new Set([...(fields.get(model) ?? []), ...all]))
  }
  return [...fields].map(([model, names]) => ({ model: modelOf(schema, model), fields: [...names] }))
}

/** What the database is like, once nothing is wrong with it. */
export interface CheckedDatabase {
  readonly checked: Preflight
  /** The publication's oid. */
  readonly oid: number
  /** Whether tables were added to a publication that was there: a slot that is older may have skipped their changes. */
  readonly isExtended: boolean
}

/** Checks server, role and tables and sees to the publication. Throws: the first finding, PUBLICATION.*, POSTGRES.*. */
export function checkDatabase(
  control: ControlSession,
  options: CheckedOptions,
  needs: readonly TableNeed[],
): Promise<CheckedDatabase> {
  return control.use('check its tables and the publication', async (client) => {
    const checked = await preflight(client, options.schema.contract, needs)
    assertNoFindings(checked.findings)
    const publication = await ensurePublication(client, options.publication, needs, checked.serverVersion)
    return { checked, ...publication }
  })
}

/** The planner's estimates of the tables' rows, by model; lacks the tables that it has none for. */
export async function readEstimates(
  control: ControlSession,
  checked: Preflight,
): Promise<ReadonlyMap<string, number>> {
  const estimates = new Map<string, number>()
  for (const [model, { oid }] of checked.tables) {
    const sql = 'SELECT reltuples::int8::text FROM pg_catalog.pg_class WHERE oid = $1'
    const [[text] = []] = await control.query(sql, [oid])
    const rows = Number(text ?? -1)
    if (rows >= 0) estimates.set(model, rows)
  }
  return estimates
}
