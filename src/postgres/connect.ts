import { Socket } from 'node:net'
import pg from 'pg'
import { DbsyncError } from '../core/errors.ts'
import { serverError } from './server-error.ts'

/** Where the database is: a connection string or node-pg's own configuration. */
export type ConnectionOptions = string | pg.ClientConfig

/**
 * What every session that reads values pins, so that a value has one text form on the stream and in a
 * chunk, whatever the server, the database or the role is set to.
 */
export const PINNED_SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  // From version 18 on a WARNING on the stream is how a lost publication is told.
  client_min_messages: 'warning',
  datestyle: 'ISO, YMD',
  intervalstyle: 'iso_8601',
  timezone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
}

/** The pinned settings as one statement string. */
export const PIN_SQL = Object.entries(PINNED_SETTINGS)
  .map(([name, value]) => `SET ${name} = '${value}'`)
  .join('; ')

/** node-pg's configuration with TCP keepalive on and an application name that names us. */
export function clientConfig(options: ConnectionOptions, role: string): pg.ClientConfig {
  const given = typeof options === 'string' ? { connectionString: options } : options
  return { application_name: `dbsync ${role}`, keepAlive: true, connectionTimeoutMillis: 15_000, ...given }
}

/**
 * Opens an ordinary SQL session.
 *
 * Throws: POSTGRES.CONNECTION_REFUSED, POSTGRES.AUTHENTICATION, POSTGRES.LIMIT and what {@link serverError} says.
 */
export async function connectSql(
  options: ConnectionOptions,
  role: string,
  queryTimeoutMs?: number,
): Promise<pg.Client> {
  const client = new pg.Client({
    ...clientConfig(options, role),
    ...(queryTimeoutMs === undefined ? {} : { query_timeout: queryTimeoutMs }),
  })
  await connectClient(client)
  try {
    await client.query(PIN_SQL)
  } catch (error) {
    await client.end().catch(() => {})
    throw serverError(error, 'pin the settings of a session')
  }
  return client
}

/** Connects a prepared client and turns what can go wrong into codes. */
export async function connectClient(client: pg.Client): Promise<void> {
  // Without a listener an error between two queries would end the process; `end` reports the same loss.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    throw connectError(error, client)
  }
}

function connectError(error: unknown, client: pg.Client): DbsyncError {
  const where = `${client.host}:${client.port}`
  const code = errorCode(error)
  if (code === '28P01' || code === '28000' || code === '3D000') {
    return new DbsyncError(
      'POSTGRES.AUTHENTICATION',
      `The server at ${where} rejected the connection (SQLSTATE ${code}): ` +
        (code === '3D000'
          ? `database "${client.database}" does not exist. Create it or correct the connection.`
          : `role "${client.user}" could not log in. Check user, password and pg_hba.conf.`),
      { details: { sqlState: code, user: client.user, database: client.database }, cause: error },
    )
  }
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code))
    return serverError(error, 'connect')
  return new DbsyncError(
    'POSTGRES.CONNECTION_REFUSED',
    `No PostgreSQL server answers at ${where} (${code ?? messageOf(error)}). Start the server or correct host and port.`,
    { details: { host: client.host, port: client.port, reason: code ?? messageOf(error) }, cause: error },
  )
}

function errorCode(error: unknown): string | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) return errorCode(error.errors[0])
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code
  }
  return undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The socket under a client: node-pg keeps it there, and its types leave it out. */
export function socketOf(client: pg.Client): Socket {
  const connection: unknown = Reflect.get(client, 'connection')
  if (typeof connection === 'object' && connection !== null && 'stream' in connection) {
    const { stream } = connection
    if (stream instanceof Socket) return stream
  }
  throw new DbsyncError('INTERNAL.INVARIANT', 'node-pg does not expose its socket; DBSync needs pg 8')
}
