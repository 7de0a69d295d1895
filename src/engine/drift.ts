import { DbsyncError } from '../core/errors.ts'
import type { Fingerprints, FingerprintTarget, TableFingerprint } from '../postgres/fingerprint.ts'
import type { TableNeed } from '../postgres/preflight.ts'
import { tableName } from '../postgres/table-name.ts'

/**
 * What has to be done about a table, told by two looks at the catalog.
 *
 * `check`: ask preflight whether it can still be followed. The others too ask it first. `reread`: its rows are not what
 * the stream said. `mend`: the publication leaves out what is needed. `isLoss`: changes of it were not streamed, so that
 * consumers have missed them.
 */
export type Verdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'check' }
  | { readonly kind: 'reread' | 'mend'; readonly reason: string; readonly isLoss: boolean }
  | { readonly kind: 'stop'; readonly error: DbsyncError }

/** Verdicts on everything that was compared. */
export interface Drift {
  /** The publication is another one, or its options were touched: the stream may have skipped anything. */
  readonly isLost: boolean
  /** By model. */
  readonly tables: ReadonlyMap<string, Verdict>
}

const SAME: Verdict = { kind: 'same' }

/** Compares two states of the catalog for the tables of a sync. Pure. */
export function compareFingerprints(
  needs: readonly TableNeed[],
  before: Fingerprints,
  after: Fingerprints,
): Drift {
  const isLost =
    after.publication === null ||
    after.publication.oid !== before.publication?.oid ||
    after.publication.version !== before.publication.version
  const tables = new Map<string, Verdict>()
  for (const need of needs) {
    const { model } = need.model
    const [old, now] = [before.tables.get(model), after.tables.get(model)]
    if (old !== undefined && now !== undefined) tables.set(model, judge(need, old, now))
  }
  return { isLost, tables }
}

/** The columns of a table that a sync uses, by their names in the database; the key's are always among them. */
function usedColumns({ model, fields }: TableNeed): readonly string[] {
  return model.columns
    .filter(({ field }) => fields.includes(field) || model.key.includes(field))
    .map(({ column }) => column)
}

/** What is asked of the catalog for a table; `oid`: the one that was known under its name. */
export function targetOf(need: TableNeed, oid: number | null): FingerprintTarget {
  const { model, schema, table } = need.model
  return { model, schema, table, columns: usedColumns(need), oid }
}

function judge(need: TableNeed, before: TableFingerprint, after: TableFingerprint): Verdict {
  if (after.oid === null) return { kind: 'stop', error: tableGone(need, after.movedTo) }
  const names = usedColumns(need)
  const { membership } = after
  if (!membership.isListed) return mend('the publication does not carry it any more')
  if (membership.isFiltered) return mend('the publication filters its rows')
  const carried = membership.columns
  if (carried !== null && names.some((name) => name in after.columns && !carried.includes(name))) {
    return mend('the publication leaves out columns that are used')
  }
  if (before.oid !== null && after.oid !== before.oid) return reread('another table has taken its name', true)
  if (membership.row !== before.membership.row) {
    return reread('it was taken out of the publication and put back', true)
  }
  const reason = changedRows(names, before, after)
  if (reason !== null) return reread(reason, false)
  return after.shape === before.shape ? SAME : { kind: 'check' }
}

const mend = (reason: string): Verdict => ({ kind: 'mend', reason, isLoss: true })
const reread = (reason: string, isLoss: boolean): Verdict => ({ kind: 'reread', reason, isLoss })

/** Why the rows may show other values although no change said so; null if they cannot. */
function changedRows(
  names: readonly string[],
  before: TableFingerprint,
  after: TableFingerprint,
): string | null {
  // Alone it changes no value (VACUUM FULL, CLUSTER), or the stream says so (TRUNCATE).
  const isRewritten = after.file !== before.file || after.partitions !== before.partitions
  for (const name of names) {
    const [old, now] = [before.columns[name], after.columns[name]]
    if (old === undefined && now === undefined) continue
    if (now === undefined) return `column "${name}" was dropped or renamed`
    if (old === undefined || now.number !== old.number) return `column "${name}" was made anew`
    if (now.type !== old.type) return `column "${name}" changed its type`
    if (now.version !== old.version && isRewritten) return `the values of column "${name}" were rewritten`
    if (old.labels?.some((label) => now.labels?.includes(label) !== true) === true) {
      return `a label of the enum of column "${name}" was renamed`
    }
  }
  // What a partition brings or takes along, and TRUNCATE of one alone, is in no stream that names the root.
  return after.partitions === before.partitions ? null : 'its partitions changed'
}

function tableGone({ model }: TableNeed, movedTo: string | null): DbsyncError {
  const what = movedTo === null ? 'was dropped' : `is now ${movedTo}`
  return new DbsyncError(
    'CONTRACT.TABLE_MISSING',
    `${tableName(model)} (model ${model.model}) ${what}, so its changes cannot be followed under that name. Correct ` +
      'schema.prisma, run prisma generate and start again.',
    { details: { model: model.model, table: model.table, movedTo } },
  )
}
