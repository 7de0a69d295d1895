import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { expect, inject, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

/** Starts an example as its command does, in the tests' server. */
function start(...args: readonly string[]): ChildProcess & { readonly stdout: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=prisma-dbsync-source', ...args], {
    cwd: ROOT,
    env: { ...process.env, TEST_DATABASE_URL: inject('serverUrl'), PORT: '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return child
}

/** What an example prints, once it has ended without a failure. */
async function outputOf(...args: readonly string[]): Promise<string> {
  const child = start(...args)
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  expect({ code, output }).toMatchObject({ code: 0 })
  return output
}

test('every example is here', () => {
  const folders = readdirSync(resolve(ROOT, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'demo')
    .map(({ name }) => name)
  expect(folders.toSorted()).toEqual([
    'derived-table',
    'handlers',
    'quickstart',
    'schema-tests',
    'warm-cache',
  ])
})

test('quickstart: a view is read from memory and follows', async () => {
  expect(await outputOf('examples/quickstart/main.ts')).toBe(
    `at the start  { id: 'r1', name: 'Trattoria Zoë', visits: 1, rating: 4 }
r1 is now rated 4.5
after a visit { id: 'r1', name: 'Trattoria Zoë', visits: 2, rating: 4.5 }
`,
  )
})

test('derived-table: Prisma Client queries a view', async () => {
  expect(await outputOf('examples/derived-table/main.ts')).toBe(
    `Rome: [
  { id: 'zoe', city: 'Rome', visits: 3n, rating: 4.333333333333333 },
  { id: 'luca', city: 'Rome', visits: 2n, rating: 2.5 }
]
Rome, without the visits of luca: [
  { id: 'zoe', city: 'Rome', visits: 3n, rating: 4.333333333333333 },
  { id: 'luca', city: 'Rome', visits: 0n, rating: null }
]
`,
  )
})

test('handlers: an index and a handler have every change', async () => {
  const lines = (await outputOf('examples/handlers/main.ts')).trimEnd().split('\n')
  expect(lines.map((line) => line.replace(/xid \d+/, 'xid …')).toSorted()).toEqual(
    [
      'indexed r1',
      'indexed r2',
      'user 1 spent 9.90 at r2 (xid …)',
      'wine: r1, r2',
      'removed r2',
      'indexed r1',
      'wine: nobody; pasta: r1',
    ].toSorted(),
  )
})

test('warm-cache: reads come from memory, and what was just written is in them', async () => {
  const child = start('examples/warm-cache/main.ts')
  const [line] = await once(createInterface(child.stdout), 'line')
  const base = new URL(String(line))
  const ask = async (path: string, visit?: object): Promise<unknown> => {
    const response = await fetch(new URL(path, base), {
      method: visit === undefined ? 'GET' : 'POST',
      ...(visit === undefined ? {} : { body: JSON.stringify(visit) }),
    })
    return [response.status, await response.json()]
  }
  const visit = { userId: 1, amountSpent: '12.30', visitRating: 5 }
  const r1 = { id: 'r1', name: 'Bistro r1' }
  expect(await ask('/restaurants/r1')).toEqual([200, { ...r1, visits: 0, rating: null }])
  for (const [userId, visitRating, rating] of [
    [1, 5, 5],
    [2, 2, 3.5],
    [1, 4, 3],
  ] as const) {
    const answer = await ask('/restaurants/r1/visits', { ...visit, userId, visitRating })
    expect(answer).toEqual([200, { ...r1, visits: userId === 1 && visitRating === 5 ? 1 : 2, rating }])
  }
  expect(await ask('/top')).toEqual([200, [{ ...r1, rating: 3 }]])
  expect(await ask('/restaurants/r9')).toMatchObject([404, {}])
  expect(await ask('/restaurants/r1/visits', { ...visit, visitRating: 6 })).toMatchObject([400, {}])
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('schema-tests: a property test of a user’s view runs under node:test', async () => {
  const output = await outputOf('--test', '--test-reporter=tap', 'examples/schema-tests/ratings.test.ts')
  expect(output).toContain('# pass 2')
})
