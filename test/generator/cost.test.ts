import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { getDMMF } from '@prisma/get-dmmf'
import { expect, test } from 'vitest'
import { largeSchema } from '../support/large-schema.ts'
import { workspace } from '../support/workspace.ts'
import { schemaOf } from './input.ts'

/** Sends the lines that Prisma would and gives back the replies. */
async function answers(requests: readonly object[]): Promise<readonly Record<string, unknown>[]> {
  const args = ['--import', 'tsx', '--conditions=prisma-dbsync-source', 'generators/bin.ts']
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe'] })
  const replies = text(child.stderr)
  child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(''))
  return (await replies)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('300 models with 16 fields become a few kilobytes each, over the protocol that Prisma speaks', async () => {
  await using space = await workspace()
  const datamodel = largeSchema(300, schemaOf(''))
  const params = {
    generator: {
      name: 'dbsync',
      output: { value: join(space.path, 'out') },
      config: { schemas: 'zod' },
      sourceFilePath: join(space.path, 'schema.prisma'),
    },
    otherGenerators: [],
    datamodel,
    datasources: [{ activeProvider: 'postgresql' }],
    dmmf: getDMMF({ datamodel }),
    schemaPath: join(space.path, 'schema.prisma'),
  }
  const [manifest, generated] = await answers([
    { jsonrpc: '2.0', id: 1, method: 'getManifest', params: {} },
    { jsonrpc: '2.0', id: 2, method: 'generate', params },
  ])
  expect(manifest).toMatchObject({ id: 1, result: { manifest: { prettyName: 'DBSync' } } })
  expect(generated).toEqual({ jsonrpc: '2.0', id: 2, result: null })
  const sizes: Record<string, number> = {}
  for (const file of ['index.ts', 'schemas.ts', 'contract.json']) {
    const content = await readFile(join(space.path, 'out', file))
    sizes[file] = Math.round(content.length / 300)
  }
  // Bytes a model.
  expect(sizes['index.ts']).toBeLessThan(6_500)
  expect(sizes['schemas.ts']).toBeLessThan(2_700)
  expect(sizes['contract.json']).toBeLessThan(4_000)
})
