import fc from 'fast-check'
import { expect, test } from 'vitest'
import { changeCodec, type AnyChange, type ModelContract, type Schema } from 'prisma-dbsync'
import { schema as nativeTypes } from '../generator/fixtures/native-types/index.ts'
import { schema as rich } from '../generator/fixtures/rich/index.ts'
import { changesOf } from '../support/random-changes.ts'

const MODELS = [rich, nativeTypes].flatMap((schema: Schema) =>
  schema.contract.models.map((model) => ({ schema, model })),
)

/** A change and the model that it is of, told by its name so that a counterexample can be read. */
const cases = fc
  .constantFrom(...MODELS)
  .chain(({ schema, model }) =>
    changesOf(schema, model).map((change): readonly [string, AnyChange] => [model.model, change]),
  )

function contractOf(name: string): { readonly schema: Schema; readonly model: ModelContract } {
  return MODELS.find(({ model }) => model.model === name)!
}

test('any change comes out of a queue as it went in, and is written the same again', () => {
  fc.assert(
    fc.property(cases, ([name, change]) => {
      const { schema } = contractOf(name)
      for (const codec of [changeCodec(schema), changeCodec(schema, name)]) {
        const text = JSON.stringify(codec.encode(change))
        const decoded = codec.decode(JSON.parse(text))
        expect(decoded).toStrictEqual(change)
        expect(JSON.stringify(codec.encode(decoded))).toBe(text)
      }
    }),
    { numRuns: 300 },
  )
})

/** A place in the JSON of a change, and what must not stand there. */
interface Damage {
  readonly path: readonly (string | number)[]
  readonly value: unknown
}

const GONE = Symbol('gone')

/** Everything that is wrong in any change of the model, place by place. */
function damagesTo(model: ModelContract, json: Record<string, unknown>): Damage[] {
  const damages: Damage[] = [
    { path: ['model'], value: 'Nobody' },
    { path: ['op'], value: 'upsert' },
    ...['xid', 'lsn', 'commitTime', 'seq'].flatMap((name) =>
      [GONE, null, -1, 'x', ''].map((value) => ({ path: ['tx', name], value })),
    ),
    { path: ['tx', 'lsn'], value: '0/00' },
    { path: ['tx', 'xid'], value: '18446744073709551616' },
    { path: ['tx', 'seq'], value: 0.5 },
    ...Object.keys(json).flatMap((name) =>
      [...(name === 'before' || name === 'changed' ? [] : [GONE]), null, 7].map((value) => ({
        path: [name],
        value,
      })),
    ),
  ]
  if (Array.isArray(json['changed']))
    damages.push({ path: ['changed', json['changed'].length], value: 'nobody' })
  for (const part of ['key', 'before', 'after']) {
    const row = json[part]
    if (typeof row !== 'object' || row === null) continue
    damages.push({ path: [part, 'nobody'], value: 1 })
    for (const column of model.columns) {
      if (!Object.hasOwn(row, column.field)) continue
      const path = [part, column.field]
      if (column.type !== 'Json' || column.list) damages.push({ path, value: {} })
      if (!column.nullable && column.type !== 'Json') damages.push({ path, value: null })
      if (!column.list && column.type !== 'Json') damages.push({ path, value: [] })
      if (part === 'key' || model.key.includes(column.field)) damages.push({ path, value: GONE })
    }
  }
  return damages
}

/** A copy of the JSON with the damage done. */
function damaged(json: unknown, { path: [name = '', ...rest], value }: Damage): unknown {
  const copy = (Array.isArray(json) ? [...json] : { ...(json as object) }) as Record<PropertyKey, unknown>
  if (rest.length > 0) copy[name] = damaged(copy[name], { path: rest, value })
  else if (value === GONE) delete copy[name]
  else copy[name] = value
  return copy
}

test('a change that was damaged on its way is refused, with the place of the damage', () => {
  fc.assert(
    fc.property(cases, fc.nat(), ([name, change], choice) => {
      const { schema, model } = contractOf(name)
      const codec = changeCodec(schema)
      const json = JSON.parse(JSON.stringify(codec.encode(change))) as Record<string, unknown>
      const damages = damagesTo(model, json)
      const damage = damages[choice % damages.length]!
      const result = codec.safeDecode(damaged(json, damage))
      const places = result.error?.issues.map(({ path, ...issue }) =>
        issue.code === 'unrecognized_keys' ? path.concat(issue.keys) : path,
      )
      expect(places).toContainEqual(damage.path)
    }),
    { numRuns: 600 },
  )
})
