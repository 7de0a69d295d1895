import { z } from 'zod'
import { DbsyncError } from '../core/errors.ts'
import type { Table } from '../contract/schema-contract.ts'
import type { HandlerResult } from '../changes/change.ts'

/** A row as a sink gets it: whole where `After` of its table is the row; else large values that an update left alone are absent. */
export type SinkRow<T> =
  T extends Table<string, infer Row, string, infer After> ? (unknown extends After ? Row : After) : never

/** The key of a row of a table. */
export type SinkKey<T> =
  T extends Table<string, infer Row, infer KeyField> ? Pick<Row, KeyField & keyof Row> : never

/** What `upsert` is called with: the model tells which rows they are. */
export type SinkRows<T> =
  T extends Table<infer Model>
    ? string extends Model
      ? [model: string, rows: readonly Readonly<Record<string, unknown>>[]]
      : [model: Model, rows: readonly SinkRow<T>[]]
    : never

/** What `delete` is called with. */
export type SinkKeys<T> =
  T extends Table<infer Model>
    ? string extends Model
      ? [model: string, keys: readonly Readonly<Record<string, unknown>>[]]
      : [model: Model, keys: readonly SinkKey<T>[]]
    : never

/** The models of some tables; any name without tables. */
export type SinkModel<T> = T extends Table<infer Model> ? Model : never

/** What {@link sink} takes. */
export interface SinkOptions<Tables extends readonly Table[] = readonly Table[]> {
  /** The tables that it wants, as the generated code exports them. Default: all. */
  readonly models?: Tables
  /** A batch ends at the first transaction after which it has so many rows, and no call is given more. Default: 1 000. */
  readonly maxRows?: number
  /** A batch ends so many milliseconds after its first change. Default: 1 000. */
  readonly maxMs?: number
  /**
   * Rows in their final state, each key once. Write them over whatever is there: after a crash a batch comes again. A field that is absent
   * keeps its value: Postgres does not send a large value that an update left alone. (If the row's key changed as well, its
   * former value is lost to the sink; REPLICA IDENTITY FULL prevents that.)
   */
  upsert(...batch: SinkRows<Tables[number]>): HandlerResult
  /** Keys that are gone. They may not be there. */
  delete(...batch: SinkKeys<Tables[number]>): HandlerResult
  /** All rows of the model are gone; comes before the batch's other calls. Without it a TRUNCATE stops the sync with SINK.TRUNCATED. */
  truncate?(model: SinkModel<Tables[number]>): HandlerResult
}

/** A checked sink, for the option `sinks` of `createSync`; made by {@link sink}. */
export interface Sink {
  readonly kind: 'sink'
  /** Models by name; null for all. */
  readonly models: readonly string[] | null
  /** Rows after which a batch ends. */
  readonly maxRows: number
  /** Milliseconds after which a batch ends. */
  readonly maxMs: number
  /** The option of the same name. */
  upsert(model: string, rows: readonly unknown[]): HandlerResult
  /** The option of the same name. */
  delete(model: string, keys: readonly unknown[]): HandlerResult
  truncate: ((model: string) => HandlerResult) | null
}

const callback = z.custom<(...values: never[]) => HandlerResult>(
  (value) => typeof value === 'function',
  'must be a function',
)

const sinkSchema = z.strictObject({
  models: z
    .array(z.custom<Table>((value) => typeof value === 'object' && value !== null && 'model' in value))
    .optional(),
  maxRows: z.number().int().min(1).optional(),
  maxMs: z.number().min(0).optional(),
  upsert: callback,
  delete: callback,
  truncate: callback.optional(),
})

const DEFAULT_ROWS = 1_000
const DEFAULT_MS = 1_000

/**
 * A compacting batch: instead of every change the final state of each key, once a batch, for whatever is written in bulk (a search index,
 * a cache, another database).
 *
 * A batch ends at a transaction's end, so what was written after a batch is a state that the database was in. Deletes come
 * before upserts, so that a row may take a key that another has left; tables that others refer to are deleted from last and
 * upserted into first. The slot is confirmed when the last call of a batch has returned; a call that throws is repeated by the
 * option `onError`. A transaction of more than `maxRows` rows comes in several calls and is confirmed after the last.
 *
 * Throws: CONFIG.INVALID_OPTIONS.
 *
 * @example
 * ```ts
 * import { createSync, sink, type Schema, type Table } from 'prisma-dbsync'
 *
 * interface VisitRow { id: number; rating: number | null }
 *
 * export const follow = (schema: Schema, Visit: Table<'Visit', VisitRow, 'id'>, copy: Map<number, VisitRow>) =>
 *   createSync({
 *     schema,
 *     connection: 'postgresql://localhost/app',
 *     sinks: [
 *       sink({
 *         models: [Visit],
 *         maxRows: 5_000,
 *         upsert: (_, rows) => rows.forEach((row) => copy.set(row.id, row)),
 *         delete: (_, keys) => keys.forEach((key) => copy.delete(key.id)),
 *         truncate: () => copy.clear(),
 *       }),
 *     ],
 *   })
 * ```
 */
export function sink<const Tables extends readonly Table[] = readonly Table[]>(
  options: SinkOptions<Tables>,
): Sink {
  const result = sinkSchema.safeParse(options)
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `sink was given options that are not valid:\n- ${problems.join('\n- ')}`,
      { details: { problems } },
    )
  }
  // Who calls them passes what the options' types say; only those know which model has which rows.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const callbacks = options as unknown as Pick<Sink, 'upsert' | 'delete'> & {
    truncate?(model: string): HandlerResult
  }
  return {
    kind: 'sink',
    models: options.models?.map(({ model }) => model) ?? null,
    maxRows: options.maxRows ?? DEFAULT_ROWS,
    maxMs: options.maxMs ?? DEFAULT_MS,
    upsert: (model, rows) => callbacks.upsert(model, rows),
    delete: (model, keys) => callbacks.delete(model, keys),
    truncate: options.truncate === undefined ? null : (model) => callbacks.truncate?.(model),
  }
}
