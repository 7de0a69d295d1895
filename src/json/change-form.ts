import type { AnyChange } from '../changes/change.ts'
import { columnOf } from '../contract/lookup.ts'
import { mayBeAbsent } from '../contract/may-be-absent.ts'
import type { ColumnContract, ModelContract, Schema } from '../contract/schema-contract.ts'
import { formatLsn, lsn, parseLsn } from '../core/lsn.ts'
import { instantForm } from './date-form.ts'
import { listForm, oneOf, Pass, plainForm, textForm, type Form } from './form.ts'
import { objectForm, taggedForm, type Property } from './object-form.ts'
import { bigintForm, valueForm } from './value-form.ts'

/** A row with all its fields. */
export function rowForm(schema: Schema, model: ModelContract): Form {
  return fieldsForm(schema, model.columns, () => false)
}

/** The key of a row. */
export function keyForm(schema: Schema, model: ModelContract): Form {
  return fieldsForm(
    schema,
    model.key.map((field) => columnOf(model, field)),
    () => false,
  )
}

/** A change of a model, told apart by `op`. */
export function changeForm(schema: Schema, model: ModelContract): Form {
  const key: Property = { name: 'key', form: keyForm(schema, model), presence: 'required' }
  const row = rowForm(schema, model)
  const before = fieldsForm(schema, model.columns, ({ field }) => !model.key.includes(field))
  const updated = fieldsForm(schema, model.columns, (column) => mayBeAbsent(model, column))
  const changed = listForm(oneOf(model.columns.map(({ field }) => field)))
  const after = (form: Form): Property => ({ name: 'after', form, presence: 'required' })
  const change = (op: string, ...parts: readonly Property[]): [string, () => Form] => {
    const form = objectForm([
      { name: 'model', form: oneOf([model.model]), presence: 'required' },
      { name: 'op', form: oneOf([op]), presence: 'required' },
      ...parts,
      { name: 'tx', form: transactionForm, presence: 'required' },
    ])
    return [op, () => form]
  }
  const forms = taggedForm(
    'op',
    new Map([
      change('read', key, after(row)),
      change('insert', key, after(row)),
      change('update', key, { name: 'before', form: before, presence: 'undefined' }, after(updated), {
        name: 'changed',
        form: changed,
        presence: 'undefined',
      }),
      change('delete', key, { name: 'before', form: before, presence: 'required' }),
      change('truncate'),
    ]),
  )
  return {
    encode: (value, pass) => forms.encode(value, pass),
    decode(json, pass) {
      const found = pass.issues.length
      const value = forms.decode(json, pass)
      if (pass.issues.length === found) checkKey(json, model, pass)
      return value
    },
  }
}

/** A change of any model, told apart by `model`. Forms are made when they are first needed. */
export function schemaForm(schema: Schema): Form {
  return taggedForm(
    'model',
    new Map(schema.contract.models.map((model) => [model.model, once(() => changeForm(schema, model))])),
  )
}

/** What `make` makes, made when it is first asked for. */
export function once<T>(make: () => T): () => T {
  let made: { readonly it: T } | undefined
  return () => (made ??= { it: make() }).it
}

/** Any change as JSON, of a model that is not known before. */
export interface AnyChangeJson {
  readonly model: string
  readonly op: string
  readonly key?: unknown
  readonly before?: unknown
  readonly after?: unknown
  readonly changed?: readonly string[]
  readonly tx: {
    readonly xid: string
    readonly lsn: string
    readonly commitTime: string
    readonly seq: number
  }
}

/** Writes changes as their codecs do, for showing them: what JSON cannot hold stays as it is. */
export function changeWriter(schema: Schema): (change: AnyChange) => AnyChangeJson {
  const form = schemaForm(schema)
  // The form's own shape, which `objectForm` makes.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (change) => form.encode(change, new Pass()) as AnyChangeJson
}

const transactionForm: Form = objectForm([
  { name: 'xid', form: bigintForm(0n, 2n ** 64n - 1n), presence: 'required' },
  { name: 'lsn', form: lsnForm(), presence: 'required' },
  { name: 'commitTime', form: instantForm, presence: 'required' },
  { name: 'seq', form: placeForm(), presence: 'required' },
])

function lsnForm(): Form {
  return textForm({
    kind: 'bigint',
    write: (value) => (typeof value === 'bigint' ? formatLsn(lsn(value)) : undefined),
    read(text) {
      if (!/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/.test(text)) return undefined
      const position = parseLsn(text)
      return formatLsn(position) === text ? position : undefined
    },
    need: 'an LSN as Postgres writes it, such as 16/B374D848',
  })
}

function placeForm(): Form {
  return plainForm(
    'number',
    (value) => Number.isSafeInteger(value) && Number(value) >= 0,
    'a whole number from 0 on',
  )
}

/** A key that is not its row's would make a reader write another row. */
function checkKey(json: unknown, { key: fields }: ModelContract, pass: Pass): void {
  if (typeof json !== 'object' || json === null) return
  const { key, after, before }: { key?: unknown; after?: unknown; before?: unknown } = json
  if (key === undefined) return
  const row = after ?? before
  for (const field of fields) {
    if (partOf(key, field) === partOf(row, field)) continue
    pass.refuse({ code: 'custom', message: 'need the value that the row has', input: json }, 'key', field)
  }
}

function partOf(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null ? Reflect.get(object, name) : undefined
}

function fieldsForm(
  schema: Schema,
  columns: readonly ColumnContract[],
  isOptional: (column: ColumnContract) => boolean,
): Form {
  return objectForm(
    columns.map((column) => ({
      name: column.field,
      form: valueForm(schema, column),
      presence: isOptional(column) ? 'optional' : 'required',
    })),
  )
}
