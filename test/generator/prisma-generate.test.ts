import { existsSync } from 'node:fs'
import { rm, utimes } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { isFresh, prismaGenerate } from '../support/generate.ts'
import { workspace } from '../support/workspace.ts'

const BIN = resolve('generators/bin.ts')

const schemaWith = (options: string, blocks: string): string => `
generator dbsync {
  provider = "tsx ${BIN}"
  output   = "./out"
${options}
}

datasource db {
  provider = "postgresql"
}

${blocks}
`

test('prisma generate fails with every problem, and writes nothing', async () => {
  await using space = await workspace()
  await space.write('schema.prisma', schemaWith('  defaultShema = "x"', 'model A {\n  b Int[] @unique\n}'))
  const { status, output } = prismaGenerate(space.path, ['--schema', 'schema.prisma'])
  expect(status).toBe(1)
  expect(output).toContain('Did you mean "defaultSchema"?')
  expect(output).toContain('A: it has no @id and no @unique over required fields')
  expect(existsSync(join(space.path, 'out'))).toBe(false)
})

test('prisma generate prints the notes', async () => {
  await using space = await workspace()
  // A comment with U+2028 must not cut the protocol's line in two.
  await space.write('schema.prisma', schemaWith('', '/// a\u2028b\nmodel A {\n  b Int @unique\n}'))
  const { status, output } = prismaGenerate(space.path, ['--schema', 'schema.prisma'])
  expect(output).toContain('DBSync: A has no @id; its unique (b) serves as its key.')
  expect(output).toContain('Generated DBSync (')
  expect(status).toBe(0)
})

test('the outputs are fresh until an input or an output changes', async () => {
  await using space = await workspace()
  const inputs = [
    'prisma/schema.prisma',
    'prisma.config.ts',
    'examples/derived-table/schema.prisma',
    'generators/deep/a.ts',
    'src/contract/a.ts',
    'src/core/errors.ts',
    'node_modules/.package-lock.json',
  ]
  const outputs = ['', 'examples/derived-table/'].flatMap((project) =>
    ['client/client.ts', 'dbsync/index.ts', 'dbsync/contract.json'].map(
      (file) => `${project}generated/${file}`,
    ),
  )
  for (const name of [...inputs, ...outputs]) await space.write(name, '')
  expect(isFresh(space.path)).toBe(false)
  await space.write('generated/.stamp', '')
  const later = new Date(Date.now() + 60_000)
  await utimes(join(space.path, 'generated/.stamp'), later, later)
  expect(isFresh(space.path)).toBe(true)
  for (const name of inputs) {
    const [path, past] = [join(space.path, name), new Date(0)]
    await utimes(path, later, later)
    expect({ name, isFresh: isFresh(space.path) }).toEqual({ name, isFresh: false })
    await utimes(path, past, past)
  }
  expect(isFresh(space.path)).toBe(true)
  await rm(join(space.path, 'generated/dbsync/index.ts'))
  expect(isFresh(space.path)).toBe(false)
})
