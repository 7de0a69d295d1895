import type { Arbitrary } from 'fast-check'
import { modelOf } from '../contract/lookup.ts'
import type { ModelContract, Schema, Table } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import type { ModelIn } from '../engine/sync.ts'
import { countOf, type Count } from './count.ts'
import { fc } from './fast-check.ts'
import { makeRows } from './make-rows.ts'
import { modelForm, type ModelForm, type OwnArbitraries, type RawRow, type TextRow } from './model-form.ts'
import { insertionOrder } from './insertion-order.ts'

/** The row type of a table's handle. */
export type RowOf<T extends Table> = T extends Table<string, infer Row> ? Row : never

/** Arbitraries for single fields, where the derived values do not do: for a CHECK constraint, or to keep to a few. */
export type FieldArbitraries<Row> = { readonly [Field in keyof Row]?: Arbitrary<Row[Field]> }

/** What {@link rows} takes. */
export interface RowsOptions<Row> {
  /** How many rows. There may be fewer, where keys have few values, or no row to refer to is left. Default: 0 to 10. */
  readonly size?: Count
  /** The rows of other models that foreign keys point to, by model. Needed for those that may not be NULL. */
  readonly references?: Readonly<Record<string, readonly object[]>>
  readonly with?: FieldArbitraries<Row>
}

/**
 * Rows of a table that Postgres takes, all of them and in this order: within the types' ranges, lengths and precisions, different in every
 * unique index, and with foreign keys that point to `references` (or, in a table that refers to itself, to rows before). Values are those
 * that Prisma Client returns; a Json field that may not be NULL is never `null`.
 *
 * Often plain values of a small pool, so that rows meet in joins and groups collide; often limits and hostile ones; else any. Shrinks to fewer
 * rows, NULLs and plain values. Nothing is known of CHECK constraints, triggers and unique indexes with a predicate: see `with`.
 * Throws: CONFIG.INVALID_OPTIONS for a reference that is needed and not given, or a field in `with` that the model does not have;
 *   TESTING.NO_FAST_CHECK.
 *
 * @example
 * ```ts
 * import fc from 'fast-check'
 * import { insertRows, rows, testDatabase } from 'prisma-dbsync/testing'
 * import { Restaurant, schema } from './generated/dbsync/index.ts'
 *
 * export async function anyRestaurants(): Promise<void> {
 *   await using db = await testDatabase(schema)
 *   const restaurants = rows(Restaurant, { size: 20, with: { rating: fc.integer({ min: 1, max: 5 }) } })
 *   await fc.assert(
 *     fc.asyncProperty(restaurants, async (some) => {
 *       await db.query('TRUNCATE restaurant CASCADE')
 *       await insertRows(db, Restaurant, some)
 *     }),
 *   )
 * }
 * ```
 */
export function rows<T extends Table>(
  table: T,
  options: RowsOptions<RowOf<T>> = {},
): Arbitrary<readonly RowOf<T>[]> {
  const { schema } = table
  const model = modelOf(schema, table.model)
  const own: OwnArbitraries = options.with ?? {}
  const form = modelForm(schema, model, own)
  const given = new Map(
    Object.entries(options.references ?? {}).map(([name, parents]) => [
      name,
      textRows(schema, name, parents),
    ]),
  )
  for (const relation of form.relations) {
    const isNeeded = relation.model !== model.model && !mayBeNull(model, relation.fields)
    if (isNeeded && !given.has(relation.model)) {
      throw new DbsyncError(
        'CONFIG.INVALID_OPTIONS',
        `rows(${model.model}) needs rows of ${relation.model} for ${model.model}.${relation.field}, which may not be NULL. Pass them: ` +
          `{ references: { ${relation.model}: […] } }, or take all tables at once by database(schema).`,
      )
    }
  }
  const world = { rowsOf: (relation: { readonly model: string }) => given.get(relation.model) ?? null }
  return rawRows(form, options.size).map((raws) => {
    const made = makeRows(form, raws, world, new Set(Object.keys(own)))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the generated type is made from this contract
    return made.map((row) => publicRow(form, row)) as RowOf<T>[]
  })
}

/** The row of a model, as its inserts tell. */
export type InsertedRow<Changes, Model> =
  Extract<Changes, { op: 'insert'; model: Model }> extends {
    readonly after: infer Row
  }
    ? Row
    : object

/** Rows of all models of a schema, by model. */
export type DatabaseRows<Changes> = {
  readonly [Model in ModelIn<Changes>]: readonly InsertedRow<Changes, Model>[]
}

/** What {@link database} takes. */
export interface DatabaseOptions<Changes> {
  /** How many rows of each model. Default: 0 to 10. */
  readonly size?: Count
  /** By model and field, as in {@link rows}. */
  readonly with?: { readonly [Model in ModelIn<Changes>]?: FieldArbitraries<InsertedRow<Changes, Model>> }
}

/**
 * Rows of all tables, as {@link rows} makes them, whose foreign keys are satisfied when they are inserted in the order of the models here.
 * Where tables refer to each other in a circle, the references that may be NULL are NULL; a circle without one stays empty.
 *
 * Throws: as {@link rows}.
 *
 * @example
 * ```ts
 * import fc from 'fast-check'
 * import { database } from 'prisma-dbsync/testing'
 * import { schema } from './generated/dbsync/index.ts'
 *
 * fc.assert(
 *   fc.property(database(schema), ({ User, Visit }) =>
 *     Visit.every((visit) => User.some((user) => user.id === visit.userId)),
 *   ),
 * )
 * ```
 */
export function database<Changes>(
  schema: Schema<unknown, Changes>,
  options: DatabaseOptions<Changes> = {},
): Arbitrary<DatabaseRows<Changes>> {
  const own = new Map<string, OwnArbitraries>(Object.entries(options.with ?? {}))
  for (const name of own.keys()) modelOf(schema, name)
  const forms = insertionOrder(schema.contract.models).map((model) =>
    modelForm(schema, model, own.get(model.model)),
  )
  return fc.tuple(...forms.map((form) => rawRows(form, options.size))).map((raws) => {
    const made = new Map<string, readonly TextRow[]>()
    const world = { rowsOf: (relation: { readonly model: string }) => made.get(relation.model) ?? null }
    const all = forms.map((form, index) => {
      const name = form.model.model
      const texts = makeRows(form, raws[index] ?? [], world, new Set(Object.keys(own.get(name) ?? {})))
      made.set(name, texts)
      return [name, texts.map((row) => publicRow(form, row))] as const
    })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the generated types are made from this contract
    return Object.fromEntries(all) as unknown as DatabaseRows<Changes>
  })
}

function rawRows(form: ModelForm, size: Count | undefined): Arbitrary<RawRow[]> {
  return fc.array(form.raw, countOf(size, 10))
}

function mayBeNull(model: ModelContract, fields: readonly string[]): boolean {
  return model.columns.some(({ field, nullable }) => nullable && fields.includes(field))
}

function textRows(schema: Schema, model: string, given: readonly object[]): TextRow[] {
  const { columns } = modelForm(schema, modelOf(schema, model))
  return given.map((row) => {
    const values = new Map<string, unknown>(Object.entries(row))
    return new Map(columns.map(({ column, textOf }) => [column.field, textOf(values.get(column.field))]))
  })
}

function publicRow({ columns }: ModelForm, row: TextRow): object {
  return Object.fromEntries(
    columns.map(({ column, publicOf }) => [column.field, publicOf(row.get(column.field) ?? null)]),
  )
}
