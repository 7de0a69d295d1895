import { expect, test } from 'vitest'
import { generate } from '../../generators/generate.ts'
import { parseContract } from '../../src/contract/parse-contract.ts'
import { fixture, inputOf, schemaOf } from './input.ts'

const emitted = (schema: string, config: Record<string, string> = {}): string =>
  generate(inputOf(schema, { config })).files.get('index.ts') ?? ''

const hash = (file: string): string | undefined => /hash: '(\w+)'/.exec(file)?.[1]

test('a schema with everything gives the committed file', async () => {
  const file = emitted(await fixture('rich'), { defaultSchema: 'app' })
  await expect(file).toMatchFileSnapshot('./fixtures/rich/index.ts')
})

test('the contract stands beside it as JSON, and is the same', async () => {
  const files = generate(inputOf(await fixture('rich'), { config: { defaultSchema: 'app' } })).files
  const json = files.get('contract.json') ?? ''
  await expect(json).toMatchFileSnapshot('./fixtures/rich/contract.json')
  const contract = parseContract(JSON.parse(json))
  expect(contract.hash).toBe(hash(files.get('index.ts') ?? ''))
  expect([...files.keys()]).toEqual(['index.ts', 'contract.json'])
})

test('every native type gives the committed file', async () => {
  const file = emitted(await fixture('native-types'))
  await expect(file).toMatchFileSnapshot('./fixtures/native-types/index.ts')
})

test.each([
  ['rich', { defaultSchema: 'app' }],
  ['native-types', {}],
])('the codecs of "%s" are the committed file, and are there if they are asked for', async (name, config) => {
  const schema = await fixture(name)
  const { files } = generate(inputOf(schema, { config: { ...config, schemas: 'zod' } }))
  await expect(files.get('schemas.ts')).toMatchFileSnapshot(`./fixtures/${name}/schemas.ts`)
  expect(files.get('index.ts')).toBe(emitted(schema, config))
  expect([...generate(inputOf(schema, { config })).files.keys()]).not.toContain('schemas.ts')
})

test('a schema without models still gives a module', async () => {
  const file = emitted(schemaOf('enum Lonely {\n  A\n}'))
  await expect(file).toMatchFileSnapshot('./fixtures/no-models/index.ts')
  const { files } = generate(inputOf(schemaOf('enum Lonely {\n  A\n}'), { config: { schemas: 'zod' } }))
  await expect(files.get('schemas.ts')).toMatchFileSnapshot('./fixtures/no-models/schemas.ts')
})

test('the order of blocks in the schema changes nothing', () => {
  const models = [
    'model B {\n  id Int @id\n}',
    'model A {\n  id Int @id\n}',
    'enum E {\n  X\n}',
    'enum D {\n  X\n}',
  ]
  const forward = emitted(schemaOf(models.join('\n')))
  const backward = emitted(schemaOf(models.toReversed().join('\n')))
  expect(forward).toBe(backward)
  expect(forward).toContain("export const A: Table<'A', ARow, 'id'>")
})

test('two runs give the same bytes', async () => {
  const schema = await fixture('rich')
  expect(emitted(schema, { defaultSchema: 'app' })).toBe(emitted(schema, { defaultSchema: 'app' }))
})

test('the hash follows the contract, not the comments', () => {
  const plain = emitted(schemaOf('model A {\n  id Int @id\n}'))
  const commented = emitted(schemaOf('/// Words.\nmodel A {\n  id Int @id\n}'))
  const wider = emitted(schemaOf('model A {\n  id BigInt @id\n}'))
  expect(plain).not.toBe(commented)
  expect(hash(plain)).toBe(hash(commented))
  expect(hash(plain)).not.toBe(hash(wider))
})
