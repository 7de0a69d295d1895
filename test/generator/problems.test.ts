import { expect, test } from 'vitest'
import { generate } from '../../generators/generate.ts'
import { nearestName } from '../../generators/nearest-name.ts'
import { readSchemaText } from '../../generators/schema-text.ts'
import { DbsyncError } from '../../src/core/errors.ts'
import { inputOf, schemaOf, type InputOptions } from './input.ts'

const GOOD = 'model Good {\n  id Int @id\n}'

function problemsOf(blocks: string, options: InputOptions = {}): DbsyncError {
  try {
    generate(inputOf(schemaOf(blocks), options))
  } catch (error) {
    if (error instanceof DbsyncError) return error
    throw error
  }
  throw new Error('the generator accepts it')
}

test('all problems are reported at once, each with its place and its fix', () => {
  const error = problemsOf(
    `
model NoKey {
  e Int @unique(where: raw("e > 3"))
  f Int
}

model AlsoNone {
  b Int[] @unique
}

enum GoodRow {
  A
}

${GOOD}

generator other {
  provider        = "x"
  previewFeatures = ["partialIndexes"]
}
`,
    {
      config: { defaultShema: 'x' },
      provider: 'cockroachdb',
      others: { client: '/project/generated' },
    },
  )
  expect(error.code).toBe('GENERATOR.INVALID_OPTIONS')
  expect(error.details['problems']).toEqual([
    expect.objectContaining({ where: 'generator dbsync', found: 'unknown option "defaultShema"' }),
    expect.objectContaining({
      where: 'generator dbsync',
      found: expect.stringContaining('generator client'),
    }),
    expect.objectContaining({ where: 'datasource', found: 'its provider is cockroachdb' }),
    expect.objectContaining({ where: 'AlsoNone', found: expect.stringContaining('no @id and no @unique') }),
    expect.objectContaining({ where: 'NoKey', found: expect.stringContaining('no @id and no @unique') }),
    expect.objectContaining({ where: 'GoodRow', fix: expect.stringContaining('@@map') }),
  ])
  expect(error.message).toContain('6 problems')
  expect(error.message).toContain('  NoKey: it has no @id')
  expect(error.message).toContain('Did you mean "defaultSchema"?')
  expect(error.message).toContain('    Add an @id, or @@id([…])')
})

test('a key that holds a column hidden from Prisma Client is a problem', () => {
  const error = problemsOf('model A {\n  a Int\n  b Int @ignore\n\n  @@id([a, b])\n}')
  expect(error.code).toBe('GENERATOR.UNSUPPORTED_SCHEMA')
  expect(error.message).toContain('A: its key (a, b) has a column that Prisma does not show')
})

test('a type or a @db attribute that this version does not know is a problem of its field', () => {
  const input = inputOf(schemaOf('model A {\n  id Int @id\n  a String @db.Uuid\n  b Int\n}'))
  const [id, a, b] = input.dmmf.datamodel.models[0]?.fields ?? []
  if (a === undefined || b === undefined) throw new Error('the fields are not there')
  a.nativeType = ['Vector', ['3']]
  b.type = 'Interval'
  expect(id?.type).toBe('Int')
  expect(() => generate(input)).toThrow(
    /A\.a: the type String @db\.Vector is not known[^]*A\.b: the type Interval/,
  )
})

test('an option is a string that is written out', () => {
  expect(problemsOf(GOOD, { config: { defaultSchema: ['a', 'b'] } }).message).toMatch(
    /the option "defaultSchema" is not valid/,
  )
  expect(problemsOf(GOOD, { config: { defaultSchema: '' } }).message).toMatch(/it must not be empty/)
  const fromEnvironment = `${GOOD}\n\ngenerator dbsync {\n  provider = "x"\n  defaultSchema = env("SCHEMA")\n}`
  expect(problemsOf(fromEnvironment, { config: { defaultSchema: 'SCHEMA' } }).message).toMatch(
    /"defaultSchema" is read from the environment/,
  )
})

test('an unknown option names the nearest valid one', () => {
  const names = ['defaultSchema', 'output', 'provider']
  expect(
    ['DefaultSchema', 'schema', 'ouput', 'outputs', 'provder'].map((name) => nearestName(name, names)),
  ).toEqual(['defaultSchema', 'output', 'output', 'output', 'provider'])
  expect(problemsOf(GOOD, { config: { ouput: './x' } }).message).toContain('Did you mean "output"?')
})

test.for([
  ['inside', '/project/generated', '/project/generated/dbsync'],
  ['around', '/project/generated/dbsync/client', '/project/generated/dbsync'],
  ['equal to', '/project/generated', '/project/generated/'],
  ['with dots inside', '/project', '/project/..generated'],
])('an output %s another generator’s is a problem', ([, other = '', output = '']) => {
  expect(problemsOf(GOOD, { output, others: { client: other } }).message).toContain(
    'overlaps with that of generator client',
  )
})

test.for([
  ['beside', '/project/generated/client', '/project/generated/dbsync'],
  ['beside, with a common start of name,', '/project/generated', '/project/generated-dbsync'],
  ['beside, with dots,', '/project/a', '/project/..a'],
])('an output %s another generator’s is taken', ([, other = '', output = '']) => {
  expect(generate(inputOf(schemaOf(GOOD), { output, others: { client: other } })).folder).toBe(output)
})

test('without a list of other generators their outputs are read from the schema', () => {
  const client = `${GOOD}\n\ngenerator client {\n  provider = "prisma-client"\n  output = "../generated"\n}`
  expect(problemsOf(client).message).toContain('generator client, /project/generated')
})

test('no output is a problem', () => {
  expect(problemsOf(GOOD, { output: null }).message).toContain('it has no output')
})

test('what gives no events, or ends a sync that reads it, is noted, and only that', () => {
  const { notes, files } = generate(
    inputOf(
      schemaOf(`generator client {
  provider        = "prisma-client"
  previewFeatures = ["views"]
}

model A {
  id    Int @id
  bs    B[]
  to    A[] @relation("self")
  from  A[] @relation("self")
  cs    C[]
  up    A?  @relation("tree", fields: [upId], references: [id])
  upId  Int?
  down  A[] @relation("tree")
}

model B {
  id Int @id
  as A[]
}

model C {
  other Int
  code  Int @unique
  a     A   @relation(fields: [other], references: [id])
  price Decimal @db.Money
}

view V {
  id Int @unique
}`),
    ),
  )
  expect(notes).toEqual([
    expect.stringMatching(/^V is a view/),
    expect.stringMatching(/^C\.price is money/),
    expect.stringMatching(/^C has no @id; its unique \(code\)/),
  ])
  expect(files.get('index.ts')).not.toContain('VRow')
})

test('the schema’s text tells views and enum schemas, whatever comments and strings hold', () => {
  const text = readSchemaText(`
/* a comment
view NotThis {
}
*/
// view NorThis {
view This {
  a String @default("/* not a comment")
}
model M {
  b String @default("*/ // nor this")
}
view That {
}
enum E {
  A @map("}")

  @@schema("it's // \\"x\\"")
}
enum F {
  A // @@schema("no")
}
enum H {
  A @map("\u2028}\u2029view No {\u2028@@schema(\\"no\\")")

  @@schema("h")
}
enum G {
  A @map("@@schema(")
  B @map(")")
}
generator g {
  output = "../a" // comment
  other  = env("X")
}
`)
  expect([...text.views]).toEqual(['This', 'That'])
  expect([...text.enumSchemas]).toEqual([
    ['E', 'it\'s // "x"'],
    ['H', 'h'],
  ])
  expect([...(text.generators.get('g') ?? [])]).toEqual([
    ['output', '"../a"'],
    ['other', 'env("X")'],
  ])
})
