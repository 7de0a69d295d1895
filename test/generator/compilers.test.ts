import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { generate } from '../../generators/generate.ts'
import { changeCodec, type AnyChange, type Schema } from 'prisma-dbsync'
import { largeSchema } from '../support/large-schema.ts'
import { changesOf } from '../support/random-changes.ts'
import {
  compileWith,
  countIn,
  errorsIn,
  userProject,
  versionOf,
  type CompileOptions,
} from '../support/user-project.ts'
import type { Workspace } from '../support/workspace.ts'
import { schema as nativeTypes } from './fixtures/native-types/index.ts'
import { schema as rich } from './fixtures/rich/index.ts'
import { inputOf, schemaOf } from './input.ts'

const FIXTURES: Readonly<Record<string, Schema | null>> = {
  rich,
  'native-types': nativeTypes,
  'no-models': null,
}

let project: Workspace

// Three compilers on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 })

beforeAll(async () => {
  project = await userProject()
  for (const [name, schema] of Object.entries(FIXTURES)) {
    for (const file of ['index.ts', 'schemas.ts']) {
      await project.write(
        `${name}/${file}`,
        await readFile(`test/generator/fixtures/${name}/${file}`, 'utf8'),
      )
    }
    if (schema !== null) await project.write(`${name}/samples.ts`, samplesOf(schema))
  }
  await project.write('usage.ts', USAGE)
  await project.write('wrong.ts', WRONG)
})

afterAll(() => project[Symbol.asyncDispose]())

/** Changes as the codecs write them, as literals of the types that say what they write. */
function samplesOf(schema: Schema): string {
  const samples = schema.contract.models.flatMap((model) =>
    fc
      .sample(changesOf(schema, model), { numRuns: 12, seed: 1 })
      // TypeScript takes the constructor that every object has for a field of that name that is absent.
      .filter((change) => model.model !== 'Account' || !isWithout(change, 'constructor'))
      .map((change) => `  ${JSON.stringify(changeCodec(schema, model.model).encode(change))},\n`),
  )
  return `import type { ChangeJson } from './schemas.ts'\nexport const samples: ChangeJson[] = [\n${samples.join('')}]\n`
}

function isWithout(change: AnyChange, field: string): boolean {
  return 'before' in change && change.before !== undefined && !Object.hasOwn(Object(change.before), field)
}

const USAGE = `
import * as z from 'zod'
import type { Handlers } from './rich/index.ts'
import { AccountChangeCodec, ChangeCodec, MembershipKeyCodec, type AccountChangeJson, type ChangeJson } from './rich/schemas.ts'

declare function send(text: string, json: ChangeJson): void
export const handlers: Handlers = {
  Account: {
    insert: (change) => send(JSON.stringify(AccountChangeCodec.encode(change)), ChangeCodec.encode(change)),
  },
}

export const Envelope: z.ZodType<{ changes: z.output<typeof ChangeCodec>[] }> = z.object({ changes: z.array(ChangeCodec) })

export function receive(text: string): bigint | string {
  const result = ChangeCodec.safeDecode(JSON.parse(text))
  if (!result.success) return z.prettifyError(result.error)
  const change = result.data
  if (change.model === 'Account' && change.op === 'insert') return change.after.serial
  // @ts-expect-error A truncate has no key.
  return String(change.key)
}

export function fields(json: AccountChangeJson): string | undefined {
  if (json.op === 'update') {
    // @ts-expect-error It may be stored out of line, and absent.
    const sure: string = json.after.email
    return sure + json.tx.lsn
  }
  // @ts-expect-error In JSON it is text.
  const serial: bigint | undefined = json.op === 'insert' ? json.after.serial : undefined
  return String(serial)
}

export const key: { groupId: number; accountId: string; role: 'ADMIN' | 'GUEST' | 'proto' } = MembershipKeyCodec.parse({})
`

const WRONG = "import { ChangeCodec } from './rich/schemas.ts'\nexport const no: string = ChangeCodec\n"

const FILES = [
  'usage.ts',
  'wrong.ts',
  ...Object.entries(FIXTURES).map(
    ([name, schema]) => `${name}/${schema === null ? 'schemas' : 'samples'}.ts`,
  ),
]

const everyDay: readonly CompileOptions[] = [
  { compiler: '5.4', resolution: 'nodenext', checksLibraries: false },
  { compiler: '6', resolution: 'bundler', checksLibraries: false },
  { compiler: '7', resolution: 'bundler', checksLibraries: false },
  { compiler: '7', resolution: 'nodenext', checksLibraries: true },
]
const atTimes: readonly CompileOptions[] = [
  { compiler: '5.4', resolution: 'bundler', checksLibraries: false },
  { compiler: '5.4', resolution: 'nodenext', checksLibraries: true },
  { compiler: '6', resolution: 'nodenext', checksLibraries: true },
]

test.each(process.env['SOAK'] === '1' ? [...everyDay, ...atTimes] : everyDay)(
  'what is emitted is free of errors with TypeScript $compiler, $resolution, libraries checked: $checksLibraries',
  async (options) => {
    const output = await compileWith(project, FILES, options)
    // The types of node-pg, which are not ours, name the generic Buffer of later compilers.
    const errors = errorsIn(output).filter((line) => !/node_modules\/pg-protocol\//.test(line))
    // The one that is wrong on purpose shows that the others would be found.
    expect(errors).toEqual([expect.stringMatching(/^wrong\.ts\(2,14\): error TS2322/)])
    expect(await versionOf(options.compiler)).toMatch(new RegExp(`^${options.compiler}\\.`))
  },
)

/** What a program over 300 models does with 20 of them. */
const PROGRAM = `
import { count, createSync, defineView, eq } from 'prisma-dbsync'
import { schema, type Handlers, ${names((n) => `Model${n}`)} } from './large/index.ts'
import { ${names((n) => `Model${n}ChangeCodec`)} } from './large/schemas.ts'

${names(
  (n) =>
    `const view${n} = defineView('view${n}', (q) => q.from({ a: Model${n} }).innerJoin({ b: Model${n + 1} }, ({ a, b }) => eq(a.parentId, b.id)).groupBy(({ b }) => [b.id, b.name]).select(({ b }) => ({ id: b.id, name: b.name, rows: count() })))`,
  '\n',
  19,
)}
const handlers: Handlers = {
${names((n) => `  Model${n}: { insert: ({ after }) => void after.amount.plus(1), update: (change) => void Model${n}ChangeCodec.encode(change) }`, ',\n')}
}
void createSync({ schema, connection: '', handlers, views: { ${names((n) => `view${n}`, ', ', 19)} } })
`

function names(name: (index: number) => string, between = ', ', count = 20): string {
  return Array.from({ length: count }, (_, index) => name(index)).join(between)
}

test('300 models with 16 fields cost the compiler little, and a program over 20 of them little more', async () => {
  const { files } = generate(inputOf(largeSchema(300, schemaOf('')), { config: { schemas: 'zod' } }))
  for (const [name, text] of files) await project.write(`large/${name}`, text)
  await project.write('program.ts', PROGRAM)
  // Counts do not depend on the machine; half as much again as they are today.
  for (const [file, types, instantiations] of [
    ['large/index.ts', 22_000, 3_500],
    ['program.ts', 56_000, 58_000],
  ] as const) {
    const output = await compileWith(project, [file], { compiler: '7', resolution: 'nodenext' })
    expect(errorsIn(output)).toEqual([])
    expect(countIn(output, 'Types')).toBeLessThan(types)
    expect(countIn(output, 'Instantiations')).toBeLessThan(instantiations)
  }
})
