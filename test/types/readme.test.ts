import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

test('the examples of the README compile', async () => {
  const root = resolve(import.meta.dirname, '../..')
  const text = await readFile(join(root, 'README.md'), 'utf8')
  const blocks = [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, code = '']) => code)
  expect(blocks).toHaveLength(11)
  /** The example that has this text. */
  const the = (part: string): string => {
    const found = blocks.filter((code) => code.includes(part))
    expect({ part, found: found.length }).toEqual({ part, found: 1 })
    return found[0] ?? ''
  }
  const [first = ''] = blocks
  const going = [
    the('restaurantRating.rows()'),
    the('addView('),
    the('redisStore('),
    the('class MapStore'),
    the('sync.refresh('),
  ]
  const folder = await mkdtemp(join(root, 'generated/readme-'))
  try {
    const imports =
      "import { createSync, message, sink } from 'prisma-dbsync'\nimport { z } from 'zod'\n" +
      "import { schema, Visit } from '../dbsync/index.ts'\n"
    const ownImports =
      "import { PrismaPg } from '@prisma/adapter-pg'\nimport { PrismaClient } from '../client/client.ts'\n" +
      "import { lastCommit, trackCommits, withCommitLsn, withViews } from 'prisma-dbsync'\n" +
      "import { sync } from './views.ts'\nconst connectionString = 'postgresql://localhost/app'\n"
    const files = {
      // These go on where the first one ends.
      'views.ts': `const signal = new AbortController().signal
${first}
${going.join('\n')}
export { sync }
export const stores: ViewStore[] = [store, new MapStore()]`.replaceAll("'./generated/", "'../"),
      'own.ts': `${ownImports}${the('trackCommits(')}`,
      'handlers.ts': `${imports}${the('handlers: {')}\nexport { sync }`,
      'consumers.ts': `${imports}${the('sinks: [')}\nexport { sync }`,
    }
    const alone = (code: string): string =>
      `${code.replace("'./generated/", "'../").replace("'./views.ts'", "'../../examples/views.ts'")}\nexport { sync }`
    Object.assign(files, { 'tables.ts': alone(the('tables: {')), 'columns.ts': alone(the('columns: {')) })
    for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code)
    const config = { extends: join(root, 'tsconfig.json'), include: ['*.ts'], exclude: [] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const errors = await new Promise<string>((done) => {
      execFile(join(root, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], (_, stdout) =>
        done(stdout),
      )
    })
    expect(errors).toBe('')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
