import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { startTestServer } from 'prisma-dbsync/testing'
import { findMigrations } from '../../src/testing/migrations.ts'
import { until } from '../support/faults.ts'
import { startEmbedded } from '../support/server.ts'
import { workspace } from '../support/workspace.ts'

/** Where the children make their folders. The server's user has to look into it. */
let temp = ''

beforeAll(async () => {
  temp = await mkdtemp(join(tmpdir(), 'dbsync-server-test-'))
  await chmod(temp, 0o755)
})

afterAll(async () => {
  await rm(temp, { recursive: true, force: true })
})

/** Servers' folders; the loader of the child has one of its own. */
async function serversIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('dbsync-pg-'))
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** A role that may not create databases. */
async function poorRole(): Promise<AsyncDisposable & { readonly url: string }> {
  const admin = new pg.Client({ connectionString: inject('serverUrl') })
  await admin.connect()
  const role = `poor_${process.pid}`
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'poor'`)
  const url = new URL(inject('serverUrl'))
  url.username = role
  url.password = 'poor'
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await admin.query(`DROP ROLE ${role}`)
      await admin.end()
    },
  }
}

/** A process that starts a server; its connection string, or an empty text if it ended without. */
async function startChild(ending: string, folder: string): Promise<{ child: ChildProcess; url: string }> {
  const args = [
    '--import',
    'tsx',
    '--conditions=prisma-dbsync-source',
    'test/testing/server-child.ts',
    ending,
  ]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  for await (const line of createInterface({ input: child.stdout })) return { child, url: line }
  return { child, url: '' }
}

test.for(['end', 'wait'] as const)(
  'a server ends with its process and leaves nothing: %s',
  async (ending) => {
    const folder = join(temp, ending)
    await mkdir(folder)
    const { child, url } = await startChild(ending, folder)
    try {
      expect(url).toMatch(/^postgresql:/)
      if (ending === 'wait') {
        await until(async () => (await answers(url)) && (await serversIn(folder)).length === 1)
        child.kill('SIGKILL')
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      expect([child.exitCode, child.signalCode]).toEqual({ end: [0, null], wait: [null, 'SIGKILL'] }[ending])
    } finally {
      child.kill('SIGKILL')
    }
    await until(async () => (await serversIn(folder)).length === 0, 30_000)
    expect(await answers(url)).toBe(false)
  },
)

test('a server that is stopped takes its clients and its folder with it', async () => {
  const server = await startEmbedded()
  const client = new pg.Client({ connectionString: server.url })
  client.on('error', () => {})
  await client.connect()
  await server.stop()
  await expect(readdir(server.dataDir)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await answers(server.url)).toBe(false)
})

test('what a server that does not start has said is in the error', async () => {
  await expect(startEmbedded(['-c', 'no_such_setting=1'])).rejects.toMatchObject({
    code: 'TESTING.NO_SERVER',
    message: expect.stringMatching(/its postgres does not run[^]*no_such_setting[^]*TEST_DATABASE_URL/),
  })
})

test('TEST_DATABASE_URL comes first, and the server must write logical WAL', async () => {
  vi.stubEnv('TEST_DATABASE_URL', inject('serverUrl'))
  try {
    const found = await startTestServer()
    expect(found).toMatchObject({ url: inject('serverUrl'), origin: 'TEST_DATABASE_URL' })
    await found.stop()
    expect(await answers(found.url)).toBe(true)
    await using poor = await poorRole()
    vi.stubEnv('TEST_DATABASE_URL', poor.url)
    await expect(startTestServer()).rejects.toMatchObject({ code: 'POSTGRES.PERMISSION' })
    const plain = await startEmbedded(['-c', 'wal_level=replica'])
    try {
      vi.stubEnv('TEST_DATABASE_URL', plain.url)
      await expect(startTestServer()).rejects.toMatchObject({
        code: 'POSTGRES.WAL_LEVEL',
        message: expect.stringContaining('TEST_DATABASE_URL'),
      })
    } finally {
      await plain.stop()
    }
  } finally {
    vi.unstubAllEnvs()
  }
})

test('the folder of migrations is the one of prisma.config, of prisma/migrations, of the folder or one above it', async () => {
  await using folder = await workspace()
  await mkdir(join(folder.path, 'prisma/migrations'), { recursive: true })
  await mkdir(join(folder.path, 'src/deep'), { recursive: true })
  expect(await findMigrations(join(folder.path, 'src/deep'))).toBe(join(folder.path, 'prisma/migrations'))
  await mkdir(join(folder.path, 'db/steps'), { recursive: true })
  await folder.write(
    'prisma.config.ts',
    "export default defineConfig({ schema: 'x', migrations: { seed: 'a', path: 'db/steps' } })",
  )
  expect(await findMigrations(join(folder.path, 'src/deep'))).toBe(join(folder.path, 'db/steps'))
  await expect(findMigrations(tmpdir())).rejects.toMatchObject({ code: 'TESTING.MIGRATIONS' })
})
