import type { Arbitrary } from 'fast-check'
import { modelOf } from '../contract/lookup.ts'
import type { ModelContract, Schema, Table } from '../contract/schema-contract.ts'
import { quoteIdentifier } from '../core/quote.ts'
import type { ModelIn } from '../engine/sync.ts'
import type { Count } from './count.ts'
import type { History, HistoryOp, HistoryStatement, HistoryTransaction } from './history.ts'
import { modelForm, type ModelForm, type OwnArbitraries } from './model-form.ts'
import { rawTransactions, type RawBlock, type RawStatement, type RawTransaction } from './raw-history.ts'
import type { FieldArbitraries, InsertedRow } from './rows.ts'
import { SimulatedTables } from './simulated-tables.ts'
import { StatementWriter } from './statement-writer.ts'

/** What {@link transactions} takes. */
export interface TransactionsOptions<Changes = unknown> {
  /** The tables that are written; those that their rows must refer to come by themselves. Default: all. */
  readonly models?: readonly Pick<Table, 'model'>[]
  /** How many transactions. Default: 0 to 10. */
  readonly transactions?: Count
  /** How many statements, or blocks after a savepoint, each; one without any is left out. Default: 0 to 5. */
  readonly statements?: Count
  /** Arbitraries for single fields, by model, as for `rows`. */
  readonly with?: { readonly [Model in ModelIn<Changes>]?: FieldArbitraries<InsertedRow<Changes, Model>> }
}

/**
 * What may happen in a database whose tables are empty: transactions of inserts, updates, deletes, moved keys and now and then a TRUNCATE, over
 * several tables, with savepoints that are kept or rolled back, committed or rolled back.
 *
 * Each statement is made for what the ones before it have left, so that most of them change something: keys are free or there, foreign keys have
 * their rows. Now and then one is refused all the same. Values are those of `rows` and beyond: microseconds, lists that are NULL, the null of
 * JSON. Shrinks to fewer transactions, fewer statements, plain values.
 * Throws: CONFIG.INVALID_OPTIONS for a field in `with` that its model does not have; CONTRACT.INVALID for a model that the schema does not
 *   have; TESTING.NO_FAST_CHECK.
 *
 * @example
 * ```ts
 * import fc from 'fast-check'
 * import { applyHistory, testDatabase, transactions } from 'prisma-dbsync/testing'
 * import { schema } from './generated/dbsync/index.ts'
 *
 * export async function anyHistory(each: () => Promise<void>): Promise<void> {
 *   const rating = fc.option(fc.integer({ min: 1, max: 5 }))
 *   const histories = transactions(schema, { with: { Visit: { visitRating: rating } } })
 *   await fc.assert(
 *     fc.asyncProperty(histories, async (history) => {
 *       await using db = await testDatabase(schema)
 *       for await (const { isCommitted } of applyHistory(db, history)) if (isCommitted) await each()
 *     }),
 *   )
 * }
 * ```
 */
export function transactions<Changes>(
  schema: Schema<unknown, Changes>,
  options: TransactionsOptions<Changes> = {},
): Arbitrary<History> {
  const own = new Map<string, OwnArbitraries>(Object.entries(options.with ?? {}))
  for (const name of own.keys()) modelOf(schema, name)
  const forms = writtenModels(schema, options.models).map((model) =>
    modelForm(schema, model, own.get(model.model)),
  )
  return rawTransactions(forms, options).map((raws) => historyOf(forms, raws))
}

/** Some models and those that their rows cannot be without. Throws: CONTRACT.INVALID. */
export function writtenModels(
  schema: Schema,
  models: readonly Pick<Table, 'model'>[] | undefined,
): readonly ModelContract[] {
  if (models === undefined) return schema.contract.models
  const names = new Set(models.map(({ model }) => modelOf(schema, model).model))
  for (const name of names) {
    const { columns, relations } = modelOf(schema, name)
    for (const { model, fields } of relations) {
      const isNeeded = columns.every(({ field, nullable }) => !nullable || !fields.includes(field))
      if (isNeeded) names.add(model)
    }
  }
  return schema.contract.models.filter(({ model }) => names.has(model))
}

function historyOf(forms: readonly ModelForm[], raws: readonly RawTransaction[]): History {
  const tables = new SimulatedTables(forms)
  return { transactions: raws.flatMap((raw) => transactionOf(tables, raw) ?? []) }
}

/** Null for a transaction without a statement. */
function transactionOf(tables: SimulatedTables, raw: RawTransaction): HistoryTransaction | null {
  const restore = tables.save()
  const writer = new StatementWriter(tables)
  let savepoints = 0
  const write = (raws: readonly (RawStatement | RawBlock)[]): readonly HistoryStatement[] =>
    raws.flatMap((one) => (one.kind === 'block' ? writeBlock(one) : writer.write(one)))
  const writeBlock = (block: RawBlock): readonly HistoryStatement[] => {
    savepoints += 1
    const name = quoteIdentifier(`s${savepoints}`)
    const undo = tables.save()
    const inside = write(block.statements)
    if (inside.length === 0) return []
    if (!block.isKept) undo()
    const end = block.isKept
      ? ofSavepoint('release', `RELEASE SAVEPOINT ${name}`)
      : ofSavepoint('rollback-to', `ROLLBACK TO SAVEPOINT ${name}`)
    return [ofSavepoint('savepoint', `SAVEPOINT ${name}`), ...inside, end]
  }
  const statements = write(raw.statements)
  if (raw.isRolledBack) restore()
  return statements.length === 0 ? null : { statements, end: raw.isRolledBack ? 'rollback' : 'commit' }
}

function ofSavepoint(op: HistoryOp, sql: string): HistoryStatement {
  return { op, model: null, sql, values: [], mayFail: false }
}
