import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { generate } from '../../generators/generate.ts'
import { compile } from '../support/compile.ts'
import { workspace } from '../support/workspace.ts'
import { inputOf } from './input.ts'

/** What ends, opens or directs something in TypeScript, in SQL, in Prisma's schema or in a regular expression. */
const FRAGMENTS = [
  ['*/', '/*', '//', '/**', '`', '${', '${process.exit(1)}', "'", '"', '\\', '\\u0041', '}', '{', ');'],
  ['\n', '\t', '\u2028', '\u2029', '\ufeff', '\u202e', '😀', 'ä', 'a', ' ', '.', '$1', '$&', '%s', '--'],
  ['__proto__', 'constructor', '$contract', '@ts-expect-error', '// @ts-nocheck', '@map("x")'],
  ['@@schema(', ')', '@@schema("x")', 'view V {', '</script>'],
].flat()
const text = fc
  .array(fc.constantFrom(...FRAGMENTS), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(''))

/** Names that a field or the value of an enum may have, and that mean something elsewhere. */
const WORDS = [
  ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'prototype', 'length', 'name', 'then', 'toJSON'],
  [
    'delete',
    'new',
    'class',
    'function',
    'await',
    'async',
    'yield',
    'get',
    'set',
    'static',
    'readonly',
    'type',
  ],
  ['null', 'true', 'undefined', 'this', 'super', 'arguments', 'eval', 'import', 'export', 'default', 'enum'],
  ['model', 'op', 'key', 'before', 'after', 'tx', 'string', 'number', 'any', 'never', 'Decimal', 'Array'],
].flat()

/** What each of a model's names is in the database, its comments, and the words that it calls its fields. */
const modelArb = fc.record({
  words: fc.uniqueArray(fc.constantFrom(...WORDS), { minLength: 3, maxLength: 3 }),
  table: text,
  columns: fc.tuple(text, text),
  labels: fc.tuple(text, text),
  type: text,
  schema: fc.constantFrom('public', 'a"b', '__proto__', '${x}`', "it's */"),
  relation: text,
  comment: fc.array(text, { maxLength: 3 }),
})
type Hostile = typeof modelArb extends fc.Arbitrary<infer T> ? T : never

const literal = (value: string): string => JSON.stringify(value)
const comment = ({ comment: lines }: Hostile, indent: string): string =>
  lines.map((line) => `${indent}/// ${line.replaceAll('\n', `\n${indent}/// `)}\n`).join('')

/** Postgres has the names of a schema once; two columns of a table, too. */
function schemaOf(models: readonly Hostile[]): string {
  const schemas = [...new Set(models.map(({ schema }) => schema))]
  const blocks = models.map((hostile, index) => {
    const { words, table, columns, labels, type, schema, relation } = hostile
    const [one, two, three] = words
    const once = (name: string, number: number | string): string => literal(`${number}${name}`)
    const doc = comment(hostile, '  ')
    return `${comment(hostile, '')}model M${index} {
${doc}  ${one} Int @id @map(${once(columns[0], 1)})
${doc}  ${two} E${index}[] @map(${once(columns[1], 2)})
  ${three} M${index}[] @relation(${once(relation, index)})
  to_${three} M${index}[] @relation(${once(relation, index)})

  @@map(${once(table, index)})
  @@schema(${literal(schema)})
}

${comment(hostile, '')}enum E${index} {
${doc}  ${one} @map(${once(labels[0], 1)})
${doc}  ${two} @map(${once(labels[1], 2)})

  @@map(${once(type, `type ${index}`)})
  @@schema(${literal(schema)})
}
`
  })
  return `datasource db {\n  provider = "postgresql"\n  schemas = [${schemas.map(literal).join(', ')}]\n}\n\n${blocks.join('\n')}`
}

const contractForm = z.object({ enums: z.array(z.unknown()), models: z.array(z.unknown()) })

test(
  'whatever a schema is full of arrives unharmed in code that compiles',
  { timeout: 120_000 },
  async () => {
    await using space = await workspace()
    const seed = Date.now() % 2 ** 31
    const files: string[] = []
    const property = fc.asyncProperty(fc.array(modelArb, { minLength: 1, maxLength: 6 }), async (models) => {
      const file = `hostile-${files.length}.ts`
      files.push(file)
      const generated = generate(inputOf(schemaOf(models), { config: { schemas: 'zod' } })).files
      await space.write(file, generated.get('index.ts') ?? '')
      await space.write(
        `codecs-${file}`,
        (generated.get('schemas.ts') ?? '').replaceAll('./index.ts', `./${file}`),
      )
      files.push(`codecs-${file}`)
      const module: unknown = await import(/* @vite-ignore */ pathToFileURL(join(space.path, file)).href)
      const exported = z.record(z.string(), z.unknown()).parse({ ...Object(module) })
      const { contract } = z.object({ contract: contractForm }).parse(exported['schema'])
      expect(contract.models.map((model) => z.record(z.string(), z.unknown()).parse(model)['model'])).toEqual(
        expect.arrayContaining(models.map((_, index) => `M${index}`)),
      )
      for (const [index, { words, table, columns, labels, type, schema }] of models.entries()) {
        expect(contract.models[index]).toMatchObject({
          model: `M${index}`,
          schema,
          table: `${index}${table}`,
          key: [words[0]],
          columns: [
            { field: words[0], column: `1${columns[0]}` },
            { field: words[1], column: `2${columns[1]}`, enum: `E${index}` },
          ],
        })
        expect(contract.enums[index]).toMatchObject({
          name: `E${index}`,
          schema,
          pgName: `type ${index}${type}`,
          values: [
            { name: words[0], label: `1${labels[0]}` },
            { name: words[1], label: `2${labels[1]}` },
          ],
        })
        const values = exported[`E${index}`]
        expect(Object.entries(values ?? {})).toEqual(words.slice(0, 2).map((word) => [word, word]))
        expect(Object.getPrototypeOf(values)).toBe(Object.prototype)
      }
    })
    await fc.assert(property, { seed, numRuns: process.env['SOAK'] === '1' ? 500 : 25 })
    expect({ seed, errors: await compile(space, files) }).toEqual({ seed, errors: '' })
  },
)

test('Prisma itself refuses fields and values that no object can have as its own', () => {
  for (const block of ['model M {\n  id Int @id\n  __proto__ Int\n}', 'enum E {\n  __proto__\n}']) {
    expect(() => inputOf(`datasource db {\n  provider = "postgresql"\n}\n\n${block}\n`)).toThrow(
      /Prisma refuses/,
    )
  }
})
