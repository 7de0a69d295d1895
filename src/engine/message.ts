import { DbsyncError } from '../core/errors.ts'
import type { HandlerResult, MessageEvent } from '../changes/change.ts'

/**
 * A schema of any library that follows the Standard Schema interface, version 1: zod, valibot, arktype and others.
 * Source: standardschema.dev.
 */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** What a schema says of a value. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
      }[]
    }

/** What is done with the logical messages of one prefix; made by {@link message}. */
export interface MessageConsumer {
  readonly kind: 'message'
  /** Reads the content and calls the handler. Throws: MESSAGE.INVALID, what the reading or the handler throws. */
  deliver(event: MessageEvent): Promise<void>
}

/**
 * Handles logical messages, `pg_logical_emit_message(true, prefix, content)`: a transactional outbox without a table. For the
 * option `messages` of `createSync`, by prefix.
 *
 * With a schema the content is JSON, and the handler gets what the schema makes of it; with a function it gets what that makes of the
 * text (and the bytes). Messages come in commit order, in their place among the row changes of their transaction, at least once.
 * Messages outside a transaction (`pg_logical_emit_message(false, …)`) are not delivered.
 *
 * @example
 * ```ts
 * import { createSync, message, type Schema } from 'prisma-dbsync'
 * import { z } from 'zod'
 *
 * export const outbox = (schema: Schema, connection: string) =>
 *   createSync({
 *     schema,
 *     connection,
 *     messages: {
 *       'orders.placed': message(z.object({ order: z.number() }), async ({ content, tx }) => {
 *         console.log(content.order, tx.commitTime)
 *       }),
 *     },
 *   })
 * ```
 */
export function message<Content>(
  schema: StandardSchema<Content> | ((text: string, bytes: Uint8Array) => Content | Promise<Content>),
  handler: (event: MessageEvent<Content>) => HandlerResult,
): MessageConsumer {
  return {
    kind: 'message',
    async deliver(event) {
      const text = new TextDecoder().decode(event.content)
      // Some libraries' schemas are functions too.
      const content =
        '~standard' in schema
          ? await validated(schema, parseJson(text, event.prefix), event.prefix)
          : await schema(text, event.content)
      await handler(Object.freeze({ ...event, content }))
    },
  }
}

async function validated<Content>(
  schema: StandardSchema<Content>,
  value: unknown,
  prefix: string,
): Promise<Content> {
  const result = await schema['~standard'].validate(value)
  if (result.issues === undefined) return result.value
  // Where, and not what: a library's words may quote the value.
  const places = result.issues.map(({ path = [] }) =>
    path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  )
  throw new DbsyncError(
    'MESSAGE.INVALID',
    `A message "${prefix}" does not fit its schema${places.every((place) => place === '') ? '' : ` at ${places.join(', ')}`}. ` +
      'Correct the sender or the schema; with onError: "skip" such messages are reported and left out.',
    { details: { prefix, places } },
  )
}

function parseJson(text: string, prefix: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own words quote the text.
    throw new DbsyncError(
      'MESSAGE.INVALID',
      `A message "${prefix}" is not JSON. Send JSON, or give message() a function that reads it.`,
      { details: { prefix, places: [] } },
    )
  }
}
