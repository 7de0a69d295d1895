import { z } from 'zod'
import { DbsyncError } from '../core/errors.ts'
import { assertDecodable } from '../changes/event-decoder.ts'
import { modelOf } from '../contract/lookup.ts'
import type { Schema, Table } from '../contract/schema-contract.ts'
import { RESERVED_PREFIX } from '../wal/logical-message.ts'
import type { ErrorPolicy, OnError } from './attempt.ts'
import type { ModelHandlers } from './handler-consumer.ts'
import type { MessageConsumer } from './message.ts'
import type { Sink } from './sink.ts'

/** A table by its handle or by its model's name. */
export type ModelRef<Model extends string = string> = Model | Table<Model>

/** What of `createSync`'s options is about consumers. */
export interface ConsumerOptions<Handlers = unknown> {
  /** What to do on each change, by model and kind. */
  readonly handlers?: NoInfer<Handlers>
  /** What to do with logical messages (a transactional outbox), by prefix. The prefix `dbsync.` is reserved. */
  readonly messages?: Readonly<Record<string, MessageConsumer>>
  /** Compacting batches: see `sink`. */
  readonly sinks?: readonly Sink[]
  /** The models whose changes `sync.changes()` may give; true for all. Default: none. */
  readonly changes?: true | readonly ModelRef[]
  /** What happens when a handler or a sink throws. Default: `retry`. */
  readonly onError?: OnError
  /**
   * How often a handler is called for one change before `onError` decides; Infinity for as long as it takes. With `stop` it is called once.
   * Default: 5.
   */
  readonly handlerAttempts?: number
  /**
   * Whether consumers are given the rows that are there already, as `read` events: `initial` reads the tables once, when the slot is made,
   * while changes are streamed. With a durable slot how far everybody has handled them is noted in the table `dbsync.snapshot`, so
   * that it goes on after a crash. `sync.refresh` gives `read` events in any case. Default: `never`.
   */
  readonly snapshot?: 'initial' | 'never'
  /** Where transactions go that are too large for memory, in files without a name. Default: the system's folder for such files. */
  readonly tempDir?: string
}

/** {@link ConsumerOptions}, checked and with their defaults. */
export interface CheckedConsumers {
  readonly handlers: ReadonlyMap<string, ModelHandlers>
  readonly messages: ReadonlyMap<string, MessageConsumer>
  readonly sinks: readonly Sink[]
  /** Models whose changes readers may be given. */
  readonly changes: ReadonlySet<string>
  readonly policy: ErrorPolicy
  readonly readsInitially: boolean
  readonly tempDir: string | null
  /** Every model that some consumer wants. */
  readonly models: ReadonlySet<string>
  /** Whether there is or may be anybody who must get every change. */
  readonly isNeeded: boolean
  /** Whether some consumer wants rows that are read from tables. */
  readonly mayRead: boolean
}

const HANDLER_OPS = ['read', 'insert', 'update', 'delete', 'truncate'] as const

/** A function, whatever its parameters. */
export const functionSchema = z.custom<(...values: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
)

const kindSchema = <T>(kind: string, maker: string): z.ZodCustom<T> =>
  z.custom<T>(
    (value) => typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind,
    `must be made by ${maker}`,
  )

const modelSchema = z.union([z.string(), kindSchema<Table>('table', 'the generated code')])

/** The form of {@link ConsumerOptions}. */
export const consumerShape = {
  handlers: z
    .record(
      z.string(),
      z.strictObject(Object.fromEntries(HANDLER_OPS.map((op) => [op, functionSchema.optional()]))),
    )
    .optional(),
  messages: z.record(z.string().min(1), kindSchema<MessageConsumer>('message', 'message()')).optional(),
  sinks: z.array(kindSchema<Sink>('sink', 'sink()')).optional(),
  changes: z.union([z.literal(true), z.array(modelSchema)]).optional(),
  onError: z.enum(['retry', 'skip', 'stop']).optional(),
  handlerAttempts: z
    .custom<number>(
      (value) => typeof value === 'number' && value >= 1 && (Number.isInteger(value) || value === Infinity),
      'must be a whole number from 1, or Infinity',
    )
    .optional(),
  snapshot: z.enum(['initial', 'never']).optional(),
  tempDir: z.string().min(1).optional(),
}

/** The name of a model, given by its table or its name. */
function modelName(ref: ModelRef): string {
  return typeof ref === 'string' ? ref : ref.model
}

/** Checks options of the right form. Throws: CONFIG.UNKNOWN_HANDLER, CONFIG.INVALID_OPTIONS. */
export function checkConsumers(schema: Schema, options: ConsumerOptions): CheckedConsumers {
  const known = schema.contract.models.map(({ model }) => model)
  const handlers = checkHandlers(known, options.handlers)
  const messages = new Map(Object.entries(options.messages ?? {}))
  for (const prefix of messages.keys()) {
    if (!prefix.startsWith(RESERVED_PREFIX)) continue
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `messages["${prefix}"]: the prefix "${RESERVED_PREFIX}" is DBSync's own; choose another.`,
      { details: { prefix } },
    )
  }
  const sinks = options.sinks ?? []
  for (const [index, sink] of sinks.entries()) {
    for (const model of sink.models ?? []) assertKnown(known, model, `sinks[${index}].models`)
  }
  const given = options.changes === true ? known : (options.changes ?? []).map(modelName)
  for (const model of given) assertKnown(known, model, 'changes')
  const models = new Set([
    ...handlers.keys(),
    ...sinks.flatMap(({ models: some }) => some ?? known),
    ...given,
  ])
  for (const model of models) assertDecodable(schema, modelOf(schema, model))
  return {
    handlers,
    messages,
    sinks,
    changes: new Set(given),
    policy: { onError: options.onError ?? 'retry', attempts: options.handlerAttempts ?? 5 },
    readsInitially: options.snapshot === 'initial',
    tempDir: options.tempDir ?? null,
    models,
    isNeeded: handlers.size + messages.size + sinks.length + given.length > 0,
    mayRead: [...handlers.values()].some(({ read }) => read !== undefined) || sinks.length + given.length > 0,
  }
}

function checkHandlers(known: readonly string[], given: unknown): ReadonlyMap<string, ModelHandlers> {
  const checked = new Map<string, ModelHandlers>()
  for (const [model, kinds] of Object.entries(given ?? {})) {
    assertKnown(known, model, 'handlers')
    const functions: ModelHandlers = Object.fromEntries(
      Object.entries(kinds ?? {}).filter(([, handler]) => handler !== undefined),
    )
    if (Object.keys(functions).length > 0) checked.set(model, functions)
  }
  return checked
}

function assertKnown(known: readonly string[], model: string, option: string): void {
  if (known.includes(model)) return
  throw new DbsyncError(
    'CONFIG.UNKNOWN_HANDLER',
    `${option}.${model}: the schema has no such model. It has ${known.join(', ')}.`,
    { details: { model } },
  )
}

/** The models whose changes a reader gets: those that it names, else all that are offered. Throws: CONFIG.INVALID_OPTIONS. */
export function offeredModels(
  { changes }: CheckedConsumers,
  wanted: readonly ModelRef[] | undefined,
): ReadonlySet<string> {
  const models = wanted?.map(modelName) ?? [...changes]
  const missing = models.find((model) => !changes.has(model))
  if (changes.size > 0 && missing === undefined) return new Set(models)
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `changes() was asked for ${missing ?? 'changes'}, which this sync does not follow. Name the models in the option "changes" of ` +
      'createSync, or set it to true.',
  )
}
