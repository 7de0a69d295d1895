import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { parseGeneratorInput } from './datamodel.ts'
import { generate } from './generate.ts'
import { serveJsonRpc } from './json-rpc.ts'
import { readTsconfig } from './read-tsconfig.ts'
import { writeOutput } from './write-output.ts'

async function readVersion(): Promise<string> {
  const path = fileURLToPath(import.meta.resolve('prisma-dbsync/package.json'))
  return z.object({ version: z.string() }).parse(JSON.parse(await readFile(path, 'utf8'))).version
}

const methods = new Map<string, (params: unknown) => unknown>([
  [
    'getManifest',
    async () => ({
      manifest: {
        prettyName: 'DBSync',
        version: await readVersion(),
        defaultOutput: '../generated/dbsync',
      },
    }),
  ],
  [
    'generate',
    async (params) => {
      const { folder, files, notes } = generate(parseGeneratorInput(params), readTsconfig)
      await writeOutput(folder, files)
      // The user sees stdout; what goes to stderr is Prisma's reply channel.
      for (const note of notes) process.stdout.write(`DBSync: ${note}\n`)
    },
  ],
])
await serveJsonRpc(methods, process.stdin, process.stderr)
