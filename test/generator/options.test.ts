import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generate, type Generated } from '../../generators/generate.ts'
import { readTsconfig, type CompilerOptions } from '../../generators/read-tsconfig.ts'
import { parseContract } from '../../src/contract/parse-contract.ts'
import type { SchemaContract } from '../../src/contract/schema-contract.ts'
import { compile } from '../support/compile.ts'
import { workspace } from '../support/workspace.ts'
import { inputOf, schemaOf, type InputOptions } from './input.ts'

const SCHEMA = `
model User {
  id    Int     @id
  name  String
  role  Role
  limit Decimal
  doc   Json
  photo Bytes
  posts Post[]
  logs  Log[]
}

model Post {
  id      Int    @id
  userId  Int
  user    User   @relation(fields: [userId], references: [id])
  tags    Tag[]
  logs    Log[]
}

model Tag {
  id    Int    @id
  posts Post[]
}

/// It has no key, and no need of one if it is left out.
model Log {
  level  Level  @default(LOW)
  userId Int    @unique(where: raw("true"))
  user   User   @relation(fields: [userId], references: [id])
  postId Int
  post   Post   @relation(fields: [postId], references: [id])
}

enum Role {
  ADMIN
}

enum Level {
  LOW
}

generator other {
  provider        = "x"
  previewFeatures = ["partialIndexes"]
}`

type Config = NonNullable<InputOptions['config']>

function run(config: Config, more = '', tsconfig?: CompilerOptions): Generated {
  return generate(inputOf(schemaOf(SCHEMA + more), { config: { models: '!Log', ...config } }), () => tsconfig)
}

function contractOf(config: Config): SchemaContract {
  return parseContract(JSON.parse(run(config).files.get('contract.json') ?? ''))
}

const modelsOf = (models: readonly string[]): readonly string[] =>
  contractOf({ models }).models.map(({ model }) => model)

test('models picks: those that are named, those that are not left out, and the join tables of both ends', () => {
  expect(modelsOf(['!Log'])).toEqual(['Post', 'Tag', 'User', '_PostToTag'])
  expect(modelsOf(['User', 'Tag'])).toEqual(['Tag', 'User'])
  expect(modelsOf(['Post', 'Tag'])).toEqual(['Post', 'Tag', '_PostToTag'])
  expect(modelsOf(['Post', 'Tag', '!_PostToTag'])).toEqual(['Post', 'Tag'])
  expect(modelsOf(['!Log', '!Tag'])).toEqual(['Post', 'User'])
  expect(modelsOf(['User', '_PostToTag'])).toEqual(['User', '_PostToTag'])
})

test('what is left out takes its relations and enums with it', () => {
  const post = contractOf({ models: 'Post' })
  expect(post.models).toMatchObject([{ model: 'Post', relations: [] }])
  expect(post.enums).toEqual([])
  const half = contractOf({ models: ['Tag', '_PostToTag'] })
  expect(half.models[1]?.relations).toMatchObject([{ field: 'B', model: 'Tag' }])
  expect(contractOf({ models: ['User'] }).enums).toMatchObject([{ name: 'Role' }])
  const file = run({ models: ['User'] }).files.get('index.ts')
  expect(file).not.toMatch(/Log|Level|Tag/)
})

test('a name that the schema does not have is refused with the nearest, and nothing else is said of it', () => {
  expect(() => run({ models: ['Usr', '!_PostToTga'] })).toThrow(
    /generator dbsync: the option "models" names "Usr"[^]*Did you mean "User"\?[^]*"_PostToTga"[^]*"_PostToTag"\?/,
  )
  expect(() => run({ models: [] })).toThrow(/the option "models" is not valid: it names no model/)
})

test('the option that keeps a model without a key out is what its problem says', () => {
  expect(() => run({ models: ['User', 'Log'] })).toThrow(/Log: it has no @id[^]*models = \["!…"\]/)
})

test.for<[string, Config, string]>([
  ['clientPath', { clientPath: '' }, '"../generated/client"'],
  ['generatedFileExtension', { generatedFileExtension: 'tsx' }, '"mts"'],
  ['importFileExtension', { importFileExtension: '.js' }, '"js"'],
  ['defaultSchema', { defaultSchema: ['a'] }, '"app"'],
  ['schemas', { schemas: 'yup' }, '"zod"'],
])('a value of %s that is none is refused with one that is', ([name, config, example]) => {
  expect(() => run(config)).toThrow(
    new RegExp(`the option "${name}" is not valid[^]*Write ${name} = ${example}`),
  )
})

test('an option that reads the environment is refused, and one that only looks so is not', () => {
  const block = (value: string): string =>
    `\ngenerator dbsync {\n  provider = "x"\n  clientPath = ${value}\n}`
  expect(() => run({ clientPath: 'X' }, block('env("X")'))).toThrow(
    /"clientPath" is read from the environment/,
  )
  expect(run({ clientPath: 'env(1)' }, block('"env(1)"')).files.get('index.ts')).toContain("from 'env(1)'")
})

const importOf = (generated: Generated, name = 'index.ts'): string | undefined =>
  /import \{ Prisma \} from '(.*)'/.exec(generated.files.get(name) ?? '')?.[1]

const CLIENT = (options: string): string =>
  `\ngenerator client {\n  provider = "prisma-client"\n  output = "../generated/client"\n${options}\n}`

test.for<[string, Config, string, CompilerOptions | undefined, string]>([
  ['the option', { importFileExtension: 'mjs' }, CLIENT('  importFileExtension = "js"'), {}, '.mjs'],
  ['the prisma-client block', {}, CLIENT('  importFileExtension = "js"'), undefined, '.js'],
  ['the empty option', { importFileExtension: '' }, '', undefined, ''],
  ['no tsconfig.json', {}, '', undefined, '.ts'],
  ['allowImportingTsExtensions', {}, '', { allowImportingTsExtensions: true, module: 'commonjs' }, '.ts'],
  ['rewriteRelativeImportExtensions', {}, '', { rewriteRelativeImportExtensions: true }, '.ts'],
  ['CommonJS', {}, '', { module: 'CommonJS' }, ''],
  ['a bundler', {}, '', { module: 'esnext', moduleResolution: 'Bundler' }, ''],
  ['Node', {}, '', { module: 'nodenext' }, '.js'],
  [
    'Node and a client of .mts',
    {},
    CLIENT('  generatedFileExtension = "mts"'),
    { module: 'nodenext' },
    '.mjs',
  ],
])('the extension of imports comes from %s', ([, config, more, tsconfig, extension]) => {
  const generated = run({ clientPath: '../generated/client', ...config }, more, tsconfig)
  expect(importOf(generated)).toBe(`../client/client${extension}`)
})

test('tsconfig.json is looked at only where an import depends on it', () => {
  const generateWith = (config: Config): Generated =>
    generate(inputOf(schemaOf(SCHEMA), { config: { models: '!Log', ...config } }), () => {
      throw new Error('it is looked at')
    })
  expect(() => generateWith({ clientPath: '../generated/client' })).toThrow('it is looked at')
  expect(() => generateWith({ schemas: 'zod' })).toThrow('it is looked at')
  for (const config of [
    {},
    { clientPath: '@acme/db' },
    { clientPath: './client.js' },
    { clientPath: './client', importFileExtension: '' },
  ]) {
    expect(generateWith(config).files.size).toBe(2)
  }
})

test('the codecs import what they are made of by that extension', () => {
  const { files } = run({ schemas: 'zod', generatedFileExtension: 'mts' }, '', { module: 'nodenext' })
  expect(files.get('schemas.mts')).toContain("from './index.mjs'")
  const bare = run({ schemas: 'zod' }, '', { module: 'commonjs' }).files.get('schemas.ts')
  expect(bare).toContain("from './index'")
})

test('clientPath is a folder beside the schema’s, a file, or a module', () => {
  const from = (clientPath: string): string | undefined => importOf(run({ clientPath }))
  expect(from('../generated/client')).toBe('../client/client.ts')
  expect(from('./client')).toBe('../../prisma/client/client.ts')
  expect(from('../generated/dbsync/client.js')).toBe('./client.js')
  expect(from('/elsewhere/client')).toBe('../../../elsewhere/client/client.ts')
  expect(from('@acme/db')).toBe('@acme/db')
  expect(from('it\'s\n"${x}"`')).toBe('it\\\'s\\n"${x}"`')
})

test('the nearest tsconfig.json counts, with what it extends and as people write it', async () => {
  await using space = await workspace()
  await space.write('a/b/dbsync/x', '')
  await space.write(
    'a/tsconfig.json',
    '\ufeff{ // "module"\n "extends": ["./base", "preset/strict"], /* , */ "compilerOptions": { "target": "es5", "types": ["//x", ",]"], }, }',
  )
  await space.write(
    'a/base.json',
    '{ "compilerOptions": { "module": "commonjs", "moduleResolution": "bundler" } }',
  )
  await space.write('a/node_modules/preset/strict.json', '{ "compilerOptions": { "module": "nodenext" } }')
  expect(readTsconfig(join(space.path, 'a/b/dbsync'))).toEqual({
    module: 'nodenext',
    moduleResolution: 'bundler',
  })
  await space.write('a/b/tsconfig.json', '{ "compilerOptions": { "allowImportingTsExtensions": null } }')
  expect(readTsconfig(join(space.path, 'a/b/dbsync'))).toEqual({ allowImportingTsExtensions: null })
  await space.write('a/b/tsconfig.json', '{}')
  expect(readTsconfig(join(space.path, 'a/b/dbsync'))).toEqual({})
  for (const [content, reason] of [
    ['"x"', 'cannot be read'],
    ['{ "compilerOptions": { "module": 7 } }', 'cannot be read'],
    ['{ "extends": "./tsconfig" }', 'Circularity'],
    ['{ "extends": "@none/such" }', "'@none/such' not found"],
    ['{ "extends": "./none" }', "'./none' not found"],
  ] as const) {
    await space.write('a/b/tsconfig.json', content)
    expect(() => readTsconfig(join(space.path, 'a/b/dbsync'))).toThrow(
      expect.objectContaining({
        code: 'GENERATOR.INVALID_OPTIONS',
        message: expect.stringContaining(reason),
      }),
    )
  }
})

test('generated files compile with each extension, and with Prisma’s types from the generated client', async () => {
  await using space = await workspace()
  const client = join(import.meta.dirname, '../../generated/client')
  await mkdir(join(space.path, 'out'))
  await symlink(client, join(space.path, 'out/client'))
  const files: string[] = []
  for (const generatedFileExtension of ['ts', 'mts']) {
    const generated = run({ generatedFileExtension, schemas: 'zod', clientPath: '../generated/client' })
    const names = [`index.${generatedFileExtension}`, `schemas.${generatedFileExtension}`]
    expect([...generated.files.keys()].toSorted()).toEqual(['contract.json', ...names])
    for (const name of names) {
      await space.write(`out/dbsync/${name}`, generated.files.get(name) ?? '')
      files.push(`out/dbsync/${name}`)
    }
  }
  await space.write(
    'use.ts',
    `import { Prisma } from './out/client/client.ts'
import { schema, type UserRow } from './out/dbsync/index.ts'
export const limit: UserRow['limit'] = new Prisma.Decimal(1)
export const is: boolean = new schema.Decimal('1') instanceof Prisma.Decimal
// @ts-expect-error It is a Decimal.
export const no: UserRow['limit'] = 1
`,
  )
  expect(await compile(space, [...files, 'use.ts'])).toBe('')
})
