import { z } from 'zod'
import { DbsyncError } from '../core/errors.ts'
import { assertDecodable } from '../changes/event-decoder.ts'
import { modelOf } from '../contract/lookup.ts'
import type { Schema } from '../contract/schema-contract.ts'
import { assertPublicationName } from '../postgres/publication.ts'
import {
  resolveConnection,
  type ConnectionOptions,
  type ConnectionTarget,
} from '../postgres/resolve-connection.ts'
import { assertSlotName } from '../replication/slot.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import type { ModelHandlers } from './handler-queue.ts'
import type { SyncEvent } from './sync-event.ts'

/** Views by the name under which `sync.views` offers them. */
export type ViewSet = Readonly<Record<string, ViewDefinition>>

/** The slot that a sync streams from. */
export interface SlotOptions {
  /** 1 to 63 lower-case letters, digits and underscores. Default: `dbsync`, or a random name for a temporary slot. */
  readonly name?: string
  /**
   * Whether the slot outlives the sync, so that no change is missed while it is down; the server then keeps WAL for it
   * until the sync is back or the slot is dropped. Default: true with handlers, else false.
   */
  readonly durable?: boolean
  /** How long `start` waits for a slot that another session uses, in milliseconds. Default: 10 000. */
  readonly waitMs?: number
}

/** What `createSync` takes. */
export interface SyncOptions<Views extends ViewSet = ViewSet, Handlers = unknown> {
  /** The generated `schema`. */
  readonly schema: Schema<Handlers>
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
  /** What to do on each change, by model and kind. */
  readonly handlers?: NoInfer<Handlers>
  readonly slot?: SlotOptions
  /** The publication's name, at most 63 bytes; created if it is missing. Default: `dbsync`. */
  readonly publication?: string
  /** How often a failing handler is called for one change before the sync stops. Default: 5. */
  readonly handlerAttempts?: number
  /**
   * How often the catalog is compared with what it was, in milliseconds, to notice tables and publications that somebody
   * changes while the sync runs. It is also looked at whenever the stream describes a table again. Default: 10 000.
   */
  readonly watchMs?: number
  /** Told of everything worth knowing while the sync runs; the library itself writes to no console. What it throws is ignored. */
  readonly onEvent?: (event: SyncEvent) => void
}

/** Options with their defaults, checked. */
export interface CheckedOptions {
  readonly schema: Schema
  readonly connection: ConnectionTarget
  readonly views: ViewSet
  readonly handlers: ReadonlyMap<string, ModelHandlers>
  readonly slot: { readonly name: string | null; readonly durable: boolean; readonly waitMs: number }
  readonly publication: string
  readonly handlerAttempts: number
  readonly watchMs: number
  readonly onEvent: (event: SyncEvent) => void
}

const HANDLER_OPS = ['insert', 'update', 'delete', 'truncate'] as const

const functionSchema = z.custom<(...values: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
)

const optionsSchema = z.strictObject({
  schema: z.custom<Schema>(
    (value) => typeof value === 'object' && value !== null && 'contract' in value && 'Decimal' in value,
    'must be the generated schema: import { schema } from the folder that prisma generate writes',
  ),
  connection: z.union([z.string().min(1), z.looseObject({})], {
    error: 'must be a connection string or a node-pg configuration; is the environment variable set?',
  }),
  allowInsecure: z.boolean().optional(),
  views: z
    .record(
      z.string(),
      z.custom<ViewDefinition>(
        (value) => typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'view',
        'must be made by defineView',
      ),
    )
    .optional(),
  handlers: z
    .record(
      z.string(),
      z.strictObject(Object.fromEntries(HANDLER_OPS.map((op) => [op, functionSchema.optional()]))),
    )
    .optional(),
  slot: z
    .strictObject({
      name: z.string().optional(),
      durable: z.boolean().optional(),
      waitMs: z.number().int().min(0).optional(),
    })
    .optional(),
  publication: z.string().optional(),
  handlerAttempts: z.number().int().min(1).optional(),
  watchMs: z.number().int().min(10).optional(),
  onEvent: functionSchema.optional(),
})

/**
 * Checks what the caller gave, with every problem in one message.
 *
 * Throws: CONFIG.INVALID_OPTIONS, CONFIG.INSECURE_CONNECTION, CONFIG.DUPLICATE_VIEW, CONFIG.UNKNOWN_HANDLER.
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
  const connection = checkConnection(options)
  const views = options.views ?? {}
  checkViews(schema, views)
  const handlers = checkHandlers(schema, result.data.handlers ?? {})
  if (Object.keys(views).length === 0 && handlers.size === 0) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      'createSync was given neither views nor handlers; name at least one.',
    )
  }
  const durable = options.slot?.durable ?? handlers.size > 0
  const name = options.slot?.name ?? (durable ? 'dbsync' : null)
  if (name !== null) assertSlotName(name)
  const publication = options.publication ?? 'dbsync'
  assertPublicationName(publication)
  return {
    schema,
    connection,
    views,
    handlers,
    slot: { name, durable, waitMs: options.slot?.waitMs ?? 10_000 },
    publication,
    handlerAttempts: options.handlerAttempts ?? 5,
    watchMs: options.watchMs ?? 10_000,
    onEvent: quiet(options.onEvent),
  }
}

/** Refuses now what no session would get through; each resolves it again, so that a renewed certificate file is read. */
function checkConnection({ connection, allowInsecure = false }: SyncOptions): ConnectionTarget {
  const given = typeof connection === 'string' ? { connectionString: connection } : connection
  const target = { ...given, allowInsecure }
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
    if (view.schema.contract.hash !== schema.contract.hash) {
      throw new DbsyncError(
        'CONFIG.INVALID_OPTIONS',
        `views.${property} is defined over another generated schema than the one given as "schema". Import both from one place.`,
        { details: { view: view.name } },
      )
    }
  }
}

function checkHandlers(
  schema: Schema,
  handlers: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, ModelHandlers> {
  const checked = new Map<string, ModelHandlers>()
  const known = schema.contract.models.map(({ model }) => model)
  for (const [model, given] of Object.entries(handlers)) {
    if (!known.includes(model)) {
      throw new DbsyncError(
        'CONFIG.UNKNOWN_HANDLER',
        `handlers.${model}: the schema has no such model. It has ${known.join(', ')}.`,
        { details: { model } },
      )
    }
    assertDecodable(schema, modelOf(schema, model))
    const functions = Object.entries(given ?? {}).filter(([, handler]) => handler !== undefined)
    if (functions.length > 0) checked.set(model, Object.fromEntries(functions))
  }
  return checked
}
