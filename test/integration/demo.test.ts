import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createSync } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { parseOptions } from '../../examples/demo/options.ts'
import { seed } from '../../examples/demo/seed.ts'
import { grandTotal, restaurantRating, userSpend } from '../../examples/views.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { compareView } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const VERIFIED = /^verified: 3 views, (\d+) rows, 0 differences at [0-9A-F]+\/[0-9A-F]+$/

interface Run {
  readonly code: number | null
  readonly lines: readonly string[]
  readonly errors: string
}

/** A temporary folder that the embedded server's user may use too. */
async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'dbsync-demo-'))
  await chmod(path, 0o777)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Runs the demo to its end; SIGINT as soon as it prints `interruptAt`. */
async function runDemo(args: readonly string[], folder = tmpdir(), interruptAt?: string): Promise<Run> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=prisma-dbsync-source', 'examples/demo/main.ts', ...args],
    { cwd: ROOT, env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  let errors = ''
  let isInterrupted = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (interruptAt === undefined || isInterrupted || !output.includes(interruptAt)) return
    isInterrupted = true
    child.kill('SIGINT')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const code = await new Promise<number | null>((done) => child.on('close', done))
  return { code, lines: output.trimEnd().split('\n'), errors }
}

/** What tsx puts into the temporary folder is a cache of its own. */
async function leftIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => !name.startsWith('tsx-'))
}

test('the demo ends with views that equal their SQL and leaves nothing in the temporary folder', async () => {
  await using folder = await temporaryFolder()
  const { code, lines, errors } = await runDemo(['--seconds', '2', '--visits', '20000'], folder.path)
  expect(errors).toBe('')
  expect(lines.at(-1)).toMatch(VERIFIED)
  expect(code).toBe(0)
  // Ten thousand users, a thousand restaurants and the total, and a few that came and went.
  expect(Number(VERIFIED.exec(lines.at(-1) ?? '')?.[1])).toBeGreaterThan(10_900)
  expect(await leftIn(folder.path)).toEqual([])
})

test('Ctrl-C stops the demo and its server, and leaves nothing in the temporary folder', async () => {
  await using folder = await temporaryFolder()
  const run = await runDemo(['--seconds', '60', '--visits', '2000'], folder.path, 'views are live')
  expect(run.errors.trim()).toBe('Stopped; nothing is left behind.')
  expect(run.code).toBe(130)
  expect(await leftIn(folder.path)).toEqual([])
})

const LEFT_IN_DATABASE = `
  SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT pubname FROM pg_publication
  UNION ALL SELECT slot_name FROM pg_replication_slots WHERE database = current_database()
  ORDER BY name`

test('the demo removes everything that it made in a database of your own', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const { code, lines } = await runDemo(['--seconds', '1', '--visits', '2000', '--url', db.url])
  expect(lines.at(-1)).toMatch(VERIFIED)
  expect(code).toBe(0)
  expect(await db.query(LEFT_IN_DATABASE)).toEqual([])
})

test('the demo empties tables that were there and empty', async () => {
  await using db = await testDatabase()
  const before = await db.query(LEFT_IN_DATABASE)
  const { code } = await runDemo(['--seconds', '0', '--visits', '2000', '--url', db.url])
  expect(code).toBe(0)
  expect(await db.query(LEFT_IN_DATABASE)).toEqual(before)
  expect(
    await db.query('SELECT FROM users UNION ALL SELECT FROM restaurant UNION ALL SELECT FROM visit'),
  ).toEqual([])
})

test('the demo refuses a database whose tables have rows, and leaves them alone', async () => {
  await using db = await testDatabase()
  await db.query(`INSERT INTO restaurant (id, name) VALUES ('mine', 'Mine')`)
  const { code, errors } = await runDemo(['--seconds', '0', '--visits', '2000', '--url', db.url])
  expect(code).toBe(1)
  expect(errors).toContain('"restaurant"')
  expect(errors).toContain('with rows')
  expect(await db.query('SELECT id, name FROM restaurant')).toEqual([{ id: 'mine', name: 'Mine' }])
})

test('options that are not valid are refused with what is needed', () => {
  expect(parseOptions(['--seconds', '0', '--visits', '7'])).toMatchObject({
    seconds: 0,
    visits: 7,
    url: null,
  })
  expect(parseOptions([])).toMatchObject({ seconds: 15, visits: 200_000 })
  expect(parseOptions(['--visits', '7', '--help'])).toBe('help')
  expect(() => parseOptions(['--visits', 'many'])).toThrow('--visits many: need a whole number from 0')
  expect(() => parseOptions(['--seconds', '-1'])).toThrow('--seconds')
  expect(() => parseOptions(['--fast'])).toThrow('--fast')
})

test('the example views follow their tables from empty to full and back to empty', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await using sync = createSync({
    schema,
    connection: db.url,
    views: { restaurantRating, userSpend, grandTotal },
  })
  await sync.start()
  const expectSame = async (): Promise<void> => {
    await sync.catchUp()
    expect(await compareView(restaurantRating, sync.views.restaurantRating.rows(), client)).toEqual([])
    expect(await compareView(userSpend, sync.views.userSpend.rows(), client)).toEqual([])
    expect(await compareView(grandTotal, sync.views.grandTotal.rows(), client)).toEqual([])
  }
  const nothing = [{ visits: 0, rated: 0, rating: null, spent: null, average: null }]
  await expectSame()
  expect([...sync.views.grandTotal.rows()]).toEqual(nothing)
  await seed(client, { url: null, seconds: 0, users: 50, restaurants: 20, visits: 400 })
  await expectSame()
  expect(sync.views.restaurantRating.size).toBe(20)
  expect(sync.views.restaurantRating.get('r20')?.visits).toBeGreaterThan(0)
  await client.query('UPDATE visit SET visit_rating = NULL')
  await expectSame()
  await client.query('DELETE FROM visit')
  await expectSame()
  expect(sync.views.userSpend.get(7)).toEqual({ id: 7, visits: 0, spent: null, best: null })
  expect(sync.views.restaurantRating.get('r20')).toMatchObject({
    id: 'r20',
    visits: 0,
    rating: null,
    spent: null,
  })
  await client.query('TRUNCATE users, restaurant, visit')
  await expectSame()
  expect(sync.views.restaurantRating.size).toBe(0)
  expect([...sync.views.grandTotal.rows()]).toEqual(nothing)
})
