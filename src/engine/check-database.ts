import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { modelOf } from '../contract/lookup.ts'
import { checkDrift } from '../postgres/check-drift.ts'
import { checkEnums } from '../postgres/check-enums.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import { assertNoFindings } from '../postgres/finding.ts'
import { describeLockHolders } from '../postgres/lock-barrier.ts'
import { preflight, type Preflight, type TableNeed } from '../postgres/preflight.ts'
import { ensurePublication } from '../postgres/publication.ts'
import { tableName } from '../postgres/table-name.ts'
import type { ViewNetwork } from '../views/compile/view-network.ts'
import type { CheckedOptions } from './options.ts'

/** Which tables, and which of their columns, the views and consumers of a sync read. */
export function tableNeeds(options: CheckedOptions, compiled: ViewNetwork): readonly TableNeed[] {
  const { schema, consumers } = options
  const fields = new Map<string, Set<string>>()
  for (const [model, table] of compiled.tables) {
    fields.set(model, new Set(table.columns.map(({ contract }) => contract.field)))
  }
  for (const model of consumers.models) {
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
  /** By model: tables that cannot be followed any more, while the others can. Only of a sync that has been live. */
  readonly broken: ReadonlyMap<string, DbsyncError>
}

/** What checking the database needs of the sync. */
export interface CheckDatabaseHost {
  readonly control: ControlSession
  readonly options: CheckedOptions
  readonly signal: AbortSignal
  /** Whether every view was live once. */
  readonly wasLive: boolean
  onWait(reason: string): void
}

const LOCK_NOT_AVAILABLE = '55P03'

/**
 * Checks server, role and tables and sees to the publication; a lock that somebody holds on a table is waited for.
 *
 * With `wasLive` a table that only views read may be past following without the others being so: it is returned among the
 * broken ones. Before, whatever is wrong is for the caller of `start`.
 * Throws: the first finding, PUBLICATION.*, POSTGRES.*.
 */
export async function checkDatabase(
  host: CheckDatabaseHost,
  needs: readonly TableNeed[],
): Promise<CheckedDatabase> {
  for (;;) {
    try {
      return await checkOnce(host, needs)
    } catch (error) {
      if (!isDbsyncError(error) || error.details['sqlState'] !== LOCK_NOT_AVAILABLE) throw error
      const tables = needs.map(({ model }) => tableName(model))
      const holders = await describeLockHolders(host.control, tables)
      host.onWait(
        `a lock that the publication needs on a table${holders === '' ? '' : `: held by ${holders}`}`,
      )
      host.signal.throwIfAborted()
    }
  }
}

function checkOnce(
  { control, options, wasLive }: CheckDatabaseHost,
  needs: readonly TableNeed[],
): Promise<CheckedDatabase> {
  return control.use('check its tables and the publication', async (client) => {
    const checked = await preflight(client, options.schema.contract, needs)
    const broken = new Map<string, DbsyncError>()
    const isSpared = (model: unknown): model is string =>
      wasLive && typeof model === 'string' && !options.consumers.models.has(model)
    assertNoFindings(checked.findings.filter(({ details }) => !isSpared(details['model'])))
    for (const { code, message, details } of checked.findings) {
      const model = details['model']
      if (isSpared(model) && !broken.has(model))
        broken.set(model, new DbsyncError(code, message, { details }))
    }
    const sound = needs.filter(({ model }) => !broken.has(model.model))
    const ensure = (some: readonly TableNeed[]): ReturnType<typeof ensurePublication> =>
      ensurePublication(client, options.publication, some, checked.serverVersion)
    try {
      return { checked, broken, ...(await ensure(sound)) }
    } catch (error) {
      if (!isDbsyncError(error, 'PUBLICATION.INCOMPLETE') || !wasLive) throw error
    }
    // One table after the other, to know which it is that the publication lacks.
    let isExtended = false
    let oid: number | null = null
    let lacking: DbsyncError | null = null
    for (const need of sound) {
      try {
        const own = await ensure([need])
        oid = own.oid
        isExtended ||= own.isExtended
      } catch (error) {
        if (!isDbsyncError(error, 'PUBLICATION.INCOMPLETE') || !isSpared(need.model.model)) throw error
        broken.set(need.model.model, error)
        lacking = error
      }
    }
    // Nothing is left to follow, and nobody knows the publication.
    if (oid === null) throw lacking ?? new DbsyncError('INTERNAL.INVARIANT', 'a publication lacks no table')
    return { checked, broken, oid, isExtended }
  })
}

/**
 * Tells what a sync runs with until a row shows it: columns that may hold NULL against the contract, labels that it does not
 * know. What matters less is left to `doctor`.
 */
export async function warnOfDrift(
  { control, options }: Pick<CheckDatabaseHost, 'control' | 'options'>,
  needs: readonly TableNeed[],
  { tables }: Preflight,
): Promise<void> {
  const { contract } = options.schema
  const labels = await control.use('check its enums', (client) => checkEnums(client, contract, needs, tables))
  for (const { severity, code, message } of checkDrift(needs, tables)) {
    if (severity === 'error') options.onEvent({ kind: 'warning', code, message })
  }
  for (const { severity, code, details } of labels) {
    if (severity !== 'error') continue
    // A label is a value of rows; events hold none.
    const message =
      `Enum ${String(details['enum'])} has labels in the database that the contract does not know; the first row that holds one ` +
      'stops the sync. prisma-dbsync doctor names them; add them to schema.prisma and run prisma generate.'
    options.onEvent({ kind: 'warning', code, message })
  }
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
