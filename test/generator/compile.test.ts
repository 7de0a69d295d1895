import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { generate } from '../../generators/generate.ts'
import { isDbsyncError } from '../../src/core/errors.ts'
import { compile } from '../support/compile.ts'
import { prismaGenerate } from '../support/generate.ts'
import { workspace } from '../support/workspace.ts'
import { fixture, inputOf, schemaOf } from './input.ts'

const BIN = resolve('generators/bin.ts')

/** A fixture's schema whose generator runs from the sources. */
async function runnable(name: string): Promise<string> {
  return (await fixture(name)).replace(/provider( +)= "prisma-dbsync"/, `provider$1= "tsx ${BIN}"`)
}

/** Fails to compile unless each row type is what Prisma Client returns by default. */
function equalityOf(models: readonly string[]): string {
  return `import type { Prisma } from './out/client/client.ts'
import type * as generated from './out/dbsync/index.ts'
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = { [K in keyof T]: T[K] }
${models
  .map(
    (model) =>
      `export const is${model}: Equal<Flat<generated.${model}Row>, Flat<Prisma.${model}GetPayload<{}>>> = true\n`,
  )
  .join('')}
// Shows that the comparison tells types apart.
export const isNot: Equal<Flat<generated.${models[0]}Row>, Flat<Prisma.${models[0]}GetPayload<{}> & { more: 1 }>> = false
// @ts-expect-error An optional field is not a required one.
export const isNot2: Equal<{ a?: number }, { a: number }> = true
`
}

for (const [name, models] of [
  ['rich', ['Account', 'Group', 'Membership', 'Invoice']],
  ['native-types', ['Everything', 'Lists']],
] as const) {
  test(`the real prisma generate makes of "${name}" rows that equal Prisma Client's`, async () => {
    await using space = await workspace()
    await space.write('schema.prisma', await runnable(name))
    const run = prismaGenerate(space.path, ['--schema', 'schema.prisma'])
    expect(run).toMatchObject({
      status: 0,
      output: expect.stringMatching(/Generated DBSync \(\d+\.\d+\.\d+\)/),
    })
    for (const file of ['index.ts', 'schemas.ts']) {
      const text = await readFile(join(space.path, 'out/dbsync', file), 'utf8')
      expect(text).toBe(await readFile(`test/generator/fixtures/${name}/${file}`, 'utf8'))
    }
    await space.write('equality.ts', equalityOf(models))
    expect(await compile(space, ['out/dbsync/schemas.ts', 'equality.ts'])).toBe('')
  })
}

const USAGE = `
import type { AnyChange, Schema } from 'prisma-dbsync'
import type { Bytes, Decimal } from '@prisma/client/runtime/client'
import { Account, Role, schema, type AccountChange, type Change, type Handlers, type MembershipKey } from './index.ts'

export const any: (change: Change) => AnyChange = (change) => change
export const typed: Schema<Handlers> = schema
export const role: Role = Role.GUEST
// @ts-expect-error A label of the database is not a name of Prisma's.
export const label: Role = '__proto__'
export const model: 'Account' = Account.model
export const key: MembershipKey = { groupId: 1, accountId: 'a', role: 'ADMIN' }
// @ts-expect-error The key has three columns.
export const half: MembershipKey = { groupId: 1, accountId: 'a' }

export function byModel(change: Change): string | number {
  switch (change.model) {
    case 'Account':
      return change.op === 'truncate' ? 0 : change.key.id
    case 'Group':
      return change.op === 'insert' ? change.after.name : 0
    case 'Invoice':
      // @ts-expect-error A truncate has no key.
      return change.key.year
    case 'Membership':
      return change.op
    case '_AccountToGroup':
      return change.op === 'delete' ? change.key.B : change.model
    case '_friends':
      return change.op === 'delete' ? change.key.B : change.model
  }
}

export function byOp(change: AccountChange): unknown {
  if (change.op === 'update') {
    const fixed: boolean = change.after.delete
    const decimal: Decimal | null = change.after.limit
    const large: Bytes | null | undefined = change.after.avatar
    // @ts-expect-error It may be stored out of line, and absent.
    const sure: Bytes | null = change.after.avatar
    // @ts-expect-error The WAL has the old row only with REPLICA IDENTITY FULL.
    const old: boolean | undefined = change.before.delete
    const field: 'email' | undefined = change.changed?.find((name) => name === 'email')
    // @ts-expect-error There is no such field.
    const other = change.changed?.includes('e-mail')
    return [fixed, decimal, large, sure, old, field, other]
  }
  if (change.op === 'delete') {
    const id: string = change.before.id
    // @ts-expect-error Only the key is sure.
    const email: string = change.before.email
    return [id, email]
  }
  const whole: string | undefined = change.op === 'truncate' ? undefined : change.after.email
  return whole
}

export const handlers: Handlers = {
  Account: {
    insert: async ({ after }) => void (await Promise.resolve(after.balance.plus(1))),
    update({ after, changed }) {
      console.log(after.email?.length, changed)
    },
  },
  // @ts-expect-error There is no such model.
  Accounts: {},
}
declare const console: { log(...values: unknown[]): void }
`

test('changes and handlers are told apart by their types, and promise no more than the WAL has', async () => {
  await using space = await workspace()
  await space.write('index.ts', await readFile('test/generator/fixtures/rich/index.ts', 'utf8'))
  await space.write('usage.ts', USAGE)
  expect(await compile(space, ['index.ts', 'usage.ts'])).toBe('')
})

/** Whether the generator takes a schema; else its first problem, or that Prisma itself refuses it. */
function answerTo(schema: string): string {
  const input = inputOrNull(schema)
  if (input === null) return 'Prisma refuses it'
  try {
    generate(input)
    return 'accepted'
  } catch (error) {
    return isDbsyncError(error) ? `${error.code} ${error.message.split('\n')[2]?.trim()}` : String(error)
  }
}

function inputOrNull(schema: string): ReturnType<typeof inputOf> | null {
  try {
    return inputOf(schema)
  } catch {
    return null
  }
}

/** A model that makes the generated file use everything it may import. */
const user = (fields: string): string =>
  `model User {\n  id Int @id\n  a Decimal\n  b Json\n  c Bytes\n  d DateTime\n${fields}}`

test('a name is refused with the way out, or what is generated for it compiles', async () => {
  const words =
    `abstract any arguments Array as asserts async bigint Boolean boolean Buffer Bytes Change console
    constructor contract Date Decimal declare defineSchema defineTable Error eval exports from Function
    get globalThis Handlers hasOwnProperty infer intrinsic is Iterator JSON JsonValue keyof Map Math
    module namespace never Number number Object object of override Partial Prisma PrismaClient process
    Promise prototype Proxy readonly Record Reflect RegExp require satisfies Schema schema SchemaContract
    Set set static String string Symbol symbol Table then toString TransactionInfo type Uint8Array
    undefined unique valueOf unknown UserRow`.split(/\s+/)
  const schemas = {
    model: (names: readonly string[]) =>
      schemaOf([user(''), ...names.map((name) => `model ${name} {\n  id Int @id\n}`)].join('\n')),
    enum: (names: readonly string[]) =>
      schemaOf(
        [
          user(names.map((name) => `  e_${name} ${name}\n`).join('')),
          ...names.map((name) => `enum ${name} {\n  A\n}`),
        ].join('\n'),
      ),
  }
  await using space = await workspace()
  const refused: Record<string, string[]> = {}
  const unexpected: string[] = []
  for (const [kind, schema] of Object.entries(schemas)) {
    const accepted: string[] = []
    refused[kind] = []
    for (const word of words) {
      const answer = answerTo(schema([word]))
      if (answer === 'accepted') accepted.push(word)
      else if (answer.startsWith(`GENERATOR.UNSUPPORTED_SCHEMA ${word}: `)) refused[kind].push(word)
      else if (answer !== 'Prisma refuses it') unexpected.push(answer)
    }
    const { files } = generate(inputOf(schema(accepted)))
    await space.write(`${kind}.ts`, files.get('index.ts') ?? '')
  }
  expect(await compile(space, ['model.ts', 'enum.ts'])).toBe('')
  expect(unexpected).toEqual([])
  expect(refused['model']).not.toContain('Change')
  expect(refused['enum']).toEqual(expect.arrayContaining(['Change', 'Handlers', 'UserRow', 'Date', 'keyof']))
})
