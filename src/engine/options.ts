import { z } from 'zod'
import { DbsyncError } from '../core/errors.ts'
import type { Schema } from '../contract/schema-contract.ts'
import { assertPublicationName } from '../postgres/publication.ts'
import {
  isSameDatabase,
  resolveConnection,
  targetOf,
  type ConnectionOptions,
  type ConnectionTarget,
} from '../postgres/resolve-connection.ts'
import { assertSlotName } from '../replication/slot.ts'
import { isViewDefinition, type ViewDefinition } from '../views/define-view.ts'
import {
  checkConsumers,
  consumerShape,
  functionSchema,
  type CheckedConsumers,
  type ConsumerOptions,
} from './consumer-options.ts'
import type { Clock } from './clock.ts'
import { checkLoops } from './check-loops.ts'
import { checkStores, storeShape, type CheckedStores, type StoreOptions } from './store-options.ts'
import type { SyncEvent } from './sync-event.ts'

/** Views by the name under which `sync.views` offers them. */
export type ViewSet = Readonly<Record<string, ViewDefinition>>

/** The slot that a sync streams from. */
export interface SlotOptions {
  /** 1 to 63 lower-case letters, digits and underscores. Default: `dbsync`, or a random name for a temporary slot. */
  readonly name?: string
  /**
   * Whether the slot outlives the sync, so that no change is missed while it is down; the server then keeps WAL for it
   * until the sync is back or the slot is dropped. Default: true with handlers, messages, sinks, `changes`, or views that are written
   * somewhere; else false.
   */
  readonly durable?: boolean
  /**
   * How long `start` waits for a slot that another session uses, in milliseconds; Infinity: until it is free, as a second instance does
   * that is to take over. Default: Infinity with views that are written somewhere, else 10 000.
   */
  readonly waitMs?: number
  /**
   * Whether standbys keep the slot in step (their setting `sync_replication_slots`), so that the sync goes on after a failover
   * without a gap. Needs PostgreSQL 17 and a durable slot. Default: false.
   */
  readonly failover?: boolean
}

/** What `createSync` takes. */
export interface SyncOptions<Views extends ViewSet = ViewSet, Handlers = unknown, Changes = unknown>
  extends ConsumerOptions<Handlers>, StoreOptions {
  /** The generated `schema`. */
  readonly schema: Schema<Handlers, Changes>
  /**
   * The primary's connection string, or node-pg's configuration. Direct: a transaction pooler cannot replicate.
   *
   * A host other than this one needs verified TLS: `sslmode=verify-full` (`prefer`, `require` and `verify-ca` mean the same) in the string,
   * with `sslrootcert=FILE` for a certificate authority of your own, or `ssl: { ca }` in the configuration, which counts before the
   * string. A password that is a function is called for each connection.
   */
  readonly connection: ConnectionOptions
  /** Allows plain text and unverified certificates to hosts other than this one. Default: false. */
  readonly allowInsecure?: boolean
  /** Views to keep in memory. */
  readonly views?: Views
  readonly slot?: SlotOptions
  /** The publication's name, at most 63 bytes; created if it is missing. Default: `dbsync`. */
  readonly publication?: string
  /**
   * How often the catalog is compared with what it was, in milliseconds, to notice tables and publications that somebody
   * changes while the sync runs. It is also looked at whenever the stream describes a table again. Default: 10 000.
   */
  readonly watchMs?: number
  /**
   * A folder of this machine for the state of the views, which is saved there now and then and when the sync is closed. A process
   * that comes back on the same slot begins with it, and needs the WAL since then instead of all tables. One that cannot be used is
   * told as a warning, and everything is read anew. The slot is durable unless it is said to be temporary. Default: none.
   */
  readonly stateDir?: string
  /** How often the state is saved if something has changed, in milliseconds. The server keeps as much WAL. Default: 60 000. */
  readonly saveEveryMs?: number
  /** What time it is, in milliseconds since 1970, for views with `nowMinus`. Default: the clock of this process, `Date`. */
  readonly clock?: Clock
  /** Told of everything worth knowing while the sync runs; the library itself writes to no console. What it throws is ignored. */
  readonly onEvent?: (event: SyncEvent) => void
}

/** Options with their defaults, checked. */
export interface CheckedOptions {
  readonly schema: Schema
  readonly connection: ConnectionTarget
  readonly views: ViewSet
  readonly consumers: CheckedConsumers
  readonly stores: CheckedStores
  /** The database of derived tables. */
  readonly target: ConnectionTarget
  readonly slot: {
    readonly name: string | null
    readonly durable: boolean
    readonly waitMs: number
    readonly failover: boolean
  }
  readonly publication: string
  readonly watchMs: number
  /** Null: no state is saved. */
  readonly stateDir: string | null
  readonly saveEveryMs: number
  readonly clock: Clock
  readonly onEvent: (event: SyncEvent) => void
}

const connectionSchema = z.union([z.string().min(1), z.looseObject({})], {
  error: 'must be a connection string or a node-pg configuration; is the environment variable set?',
})

const optionsSchema = z.strictObject({
  schema: z.custom<Schema>(
    (value) => typeof value === 'object' && value !== null && 'contract' in value && 'Decimal' in value,
    'must be the generated schema: import { schema } from the folder that prisma generate writes',
  ),
  connection: connectionSchema,
  allowInsecure: z.boolean().optional(),
  views: z
    .record(z.string(), z.custom<ViewDefinition>(isViewDefinition, 'must be made by defineView'))
    .optional(),
  ...consumerShape,
  ...storeShape,
  target: connectionSchema.optional(),
  slot: z
    .strictObject({
      name: z.string().optional(),
      durable: z.boolean().optional(),
      waitMs: z
        .custom<number>(
          (value) =>
            typeof value === 'number' && value >= 0 && (Number.isInteger(value) || value === Infinity),
          'must be a whole number from 0, or Infinity',
        )
        .optional(),
      failover: z.boolean().optional(),
    })
    .optional(),
  publication: z.string().optional(),
  watchMs: z.number().int().min(10).optional(),
  stateDir: z.string().min(1).optional(),
  saveEveryMs: z.number().int().min(10).optional(),
  clock: z
    .custom<Clock>(
      (value) =>
        typeof value === 'object' && value !== null && 'now' in value && typeof value.now === 'function',
      'must be an object with now(), which gives milliseconds',
    )
    .optional(),
  onEvent: functionSchema.optional(),
})

/**
 * Checks what the caller gave, with every problem in one message.
 *
 * Throws: CONFIG.INVALID_OPTIONS, CONFIG.INSECURE_CONNECTION, CONFIG.DUPLICATE_VIEW, CONFIG.UNKNOWN_HANDLER, STORE.UNSUPPORTED, STORE.LOOP.
 */
export function checkOptions(options: SyncOptions): CheckedOptions {
  const result = optionsSchema.safeParse(options)
  if (!result.success) {
    const problems = result.error.issues.map(
      (issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`,
    )
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `createSync was given options that are not valid:\n- ${problems.join('\n- ')}`,
      {
        details: { problems },
      },
    )
  }
  const { schema } = options
  const connection = checkConnection(options.connection, options.allowInsecure)
  const target =
    options.target === undefined ? connection : checkConnection(options.target, options.allowInsecure)
  const views = options.views ?? {}
  checkViews(schema, views)
  const consumers = checkConsumers(schema, options)
  const stores = checkStores(views, options)
  for (const view of stores.views) checkViewSchema(schema, view, `the stored view "${view.name}"`)
  checkLoops([...Object.values(views), ...stores.views], {
    tables: isSameDatabase(connection, target) ? stores.tables : [],
    columns: stores.columns,
  })
  const isWritten = stores.views.length > 0
  if (Object.keys(views).length === 0 && !consumers.isNeeded && !isWritten) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      'createSync was given neither views nor tables, columns, stores, handlers, messages, sinks or changes; name at least one.',
    )
  }
  const durable = options.slot?.durable ?? (consumers.isNeeded || isWritten || options.stateDir !== undefined)
  if (isWritten && !durable) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      'slot.durable is false, and views are written to tables, columns or stores: the slot is what keeps two instances from writing at ' +
        'once. Leave slot.durable out.',
    )
  }
  const name = options.slot?.name ?? (durable ? 'dbsync' : null)
  if (name !== null) assertSlotName(name)
  const publication = options.publication ?? 'dbsync'
  assertPublicationName(publication)
  const failover = options.slot?.failover ?? false
  if (failover && !durable) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      'slot.failover needs a slot that outlives its session: set slot.durable too, or leave slot.failover out.',
    )
  }
  if (options.stateDir !== undefined && !durable) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      'stateDir is of no use with a temporary slot, which ends with its session and the changes since: set slot.durable, or leave stateDir out.',
    )
  }
  return {
    schema,
    connection,
    views,
    consumers,
    stores,
    target,
    slot: { name, durable, waitMs: options.slot?.waitMs ?? (isWritten ? Infinity : 10_000), failover },
    publication,
    watchMs: options.watchMs ?? 10_000,
    stateDir: options.stateDir ?? null,
    saveEveryMs: options.saveEveryMs ?? 60_000,
    clock: options.clock ?? Date,
    onEvent: quiet(options.onEvent),
  }
}

/** Refuses now what no session would get through; each resolves it again, so that a renewed certificate file is read. */
function checkConnection(connection: ConnectionOptions, allowInsecure = false): ConnectionTarget {
  const target = targetOf(connection, allowInsecure)
  resolveConnection(target)
  return target
}

/** What a listener throws is its own affair: it must not end the stream that it is told of. */
function quiet(listener: ((event: SyncEvent) => void) | undefined): (event: SyncEvent) => void {
  return (event) => {
    try {
      listener?.(event)
    } catch {
      // Documented: `onEvent` must not throw.
    }
  }
}

function checkViews(schema: Schema, views: ViewSet): void {
  const names = new Map<string, string>()
  for (const [property, view] of Object.entries(views)) {
    const other = names.get(view.name)
    if (other !== undefined) {
      throw new DbsyncError(
        'CONFIG.DUPLICATE_VIEW',
        `views.${other} and views.${property} are both named "${view.name}". Give each defineView a name of its own.`,
        { details: { view: view.name } },
      )
    }
    names.set(view.name, property)
    checkViewSchema(schema, view, `views.${property}`)
  }
}

/** Checks one view of a sync; `place` is where the caller named it. Throws: CONFIG.INVALID_OPTIONS. */
export function checkViewSchema(schema: Schema, view: ViewDefinition, place: string): void {
  if (!isViewDefinition(view)) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `${place} is no view; it must be what defineView returns.`,
    )
  }
  if (view.schema.contract.hash !== schema.contract.hash) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `${place} is defined over another generated schema than the one given as "schema". Import both from one place.`,
      { details: { view: view.name } },
    )
  }
}
