import { columnOf } from '../contract/lookup.ts'
import type { ModelContract, Schema } from '../contract/schema-contract.ts'
import { DbsyncError } from '../core/errors.ts'
import { codecFor } from '../values/codec-for.ts'

/**
 * A public key in wire text: an object of the key's fields, or the value of a key of one field. `atLeast` says how many leading fields
 * are enough.
 *
 * Throws: CONFIG.INVALID_OPTIONS.
 */
export function keyTexts(
  schema: Schema,
  model: ModelContract,
  key: unknown,
  atLeast: number,
): readonly string[] {
  const [first] = model.key
  const fields: Record<string, unknown> =
    typeof key === 'object' && key !== null && model.key.some((field) => field in key)
      ? { ...key }
      : { [first ?? '']: key }
  const given = model.key.findIndex((field) => fields[field] === undefined)
  const count = given < 0 ? model.key.length : given
  const isStray = Object.keys(fields).some((field) => !model.key.slice(0, count).includes(field))
  if (count < atLeast || isStray) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `A key of ${model.model} is { ${model.key.join(', ')} }${model.key.length === 1 ? ' or its value' : ''}; another one was given.`,
      { details: { model: model.model } },
    )
  }
  return model.key
    .slice(0, count)
    .map((field) => codecFor(schema, model.model, columnOf(model, field)).textFromPublic(fields[field]))
}

/** A key as JSON has it, with the text of a value where JSON has no such value, as a public one. Throws: CHANGES.*. */
export function keyFromJson(schema: Schema, model: ModelContract, key: unknown): unknown {
  const valueOf = (field: string, value: unknown): unknown => {
    const column = model.columns.find((candidate) => candidate.field === field)
    if (typeof value !== 'string' || column === undefined) return value
    return codecFor(schema, model.model, column).publicFromText(value)
  }
  const [first = ''] = model.key
  if (typeof key !== 'object' || key === null) return valueOf(first, key)
  return Object.fromEntries(Object.entries(key).map(([field, value]) => [field, valueOf(field, value)]))
}
