import * as z from 'zod'
import { modelOf } from '../contract/lookup.ts'
import type { Schema } from '../contract/schema-contract.ts'
import { changeForm, keyForm, once, rowForm, schemaForm } from './change-form.ts'
import { Pass, type Form } from './form.ts'

/**
 * A zod schema that reads `Json` as `Value` (`decode`, `parse`) and writes it (`encode`): what `encode` gives is kept whole
 * by `JSON.stringify` and `JSON.parse`.
 */
export type JsonCodec<Value, Json> = z.ZodType<Value, Json>

/**
 * The codec of a model's rows. The generated `VisitRowCodec` is one, with the types of both sides.
 *
 * Throws: CONTRACT.INVALID if the schema has no such model.
 *
 * @example
 * ```ts
 * import { rowCodec, type Schema } from 'prisma-dbsync'
 *
 * export const toText = (schema: Schema, row: unknown) => JSON.stringify(rowCodec(schema, 'Visit').encode(row))
 * ```
 */
export function rowCodec<Row, Json>(schema: Schema, model: string): JsonCodec<Row, Json>
export function rowCodec(schema: Schema, model: string): JsonCodec<unknown, unknown> {
  const contract = modelOf(schema, model)
  return codecOf(() => rowForm(schema, contract))
}

/**
 * The codec of a model's keys, objects with each of its fields. The generated `VisitKeyCodec` is one.
 *
 * Throws: CONTRACT.INVALID if the schema has no such model.
 *
 * @example
 * ```ts
 * import { keyCodec, type Schema } from 'prisma-dbsync'
 *
 * export const read = (schema: Schema, text: string) => keyCodec(schema, 'Visit').decode(JSON.parse(text))
 * ```
 */
export function keyCodec<Key, Json>(schema: Schema, model: string): JsonCodec<Key, Json>
export function keyCodec(schema: Schema, model: string): JsonCodec<unknown, unknown> {
  const contract = modelOf(schema, model)
  return codecOf(() => keyForm(schema, contract))
}

/**
 * The codec of a model's changes, all kinds of them; of the changes of all models where none is named. The generated
 * `VisitChangeCodec` and `ChangeCodec` are such.
 *
 * `encode` takes whatever a handler is given and throws for a value that JSON cannot hold (an infinity in a JSON document).
 * `decode` checks what it is given against the whole contract: nothing unknown, nothing missing, lengths, ranges, digits, names.
 * Both throw a `ZodError`, whose issues have the path and never the value; a field that throws when it is read throws through them.
 *
 * Throws: CONTRACT.INVALID if the schema has no such model.
 *
 * @example
 * ```ts
 * import { changeCodec, type AnyChange, type Schema } from 'prisma-dbsync'
 *
 * export const read = (schema: Schema, text: string) => changeCodec<AnyChange, unknown>(schema).safeDecode(JSON.parse(text))
 * ```
 */
export function changeCodec<Change, Json>(schema: Schema, model?: string): JsonCodec<Change, Json>
export function changeCodec(schema: Schema, model?: string): JsonCodec<unknown, unknown> {
  if (model === undefined) return codecOf(() => schemaForm(schema))
  const contract = modelOf(schema, model)
  return codecOf(() => changeForm(schema, contract))
}

/** Generated code makes a codec of everything, of which a program uses a few: the form waits until it is needed. */
function codecOf(make: () => Form): JsonCodec<unknown, unknown> {
  const form = once(make)
  const run =
    (side: keyof Form) =>
    (value: unknown, { issues }: { issues: z.core.$ZodRawIssue[] }) => {
      const pass = new Pass()
      const result = form()[side](value, pass)
      for (const issue of pass.issues) issues.push(issue)
      return result
    }
  return z.codec(z.unknown(), z.unknown(), { decode: run('decode'), encode: run('encode') })
}
