import { Socket } from 'node:net'
import pg from 'pg'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { resolveConnection, type ConnectionTarget } from './resolve-connection.ts'
import { isSqlState, serverError } from './server-error.ts'

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
  // Changes what format_type prints, which is compared with the contract.
  quote_all_identifiers: 'off',
}

/** The pinned settings as one statement string. */
export const PIN_SQL = Object.entries(PINNED_SETTINGS)
  .map(([name, value]) => `SET ${name} = '${value}'`)
  .join('; ')

/**
 * node-pg's configuration of a session, with TCP keepalive on and an application name that names us. Every session of
 * this package is made from it.
 *
 * Throws: as {@link resolveConnection}.
 */
export function clientConfig(target: ConnectionTarget, role: string): pg.ClientConfig {
  return {
    application_name: `dbsync ${role}`,
    keepAlive: true,
    // The system's own is two hours; a peer that is gone is noticed within half a minute.
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 15_000,
    ...resolveConnection(target),
  }
}

/**
 * Opens an ordinary SQL session.
 *
 * Throws: POSTGRES.CONNECTION_REFUSED, POSTGRES.TLS, POSTGRES.AUTHENTICATION, POSTGRES.LIMIT, what {@link resolveConnection} and {@link serverError} says.
 */
export async function connectSql(
  target: ConnectionTarget,
  role: string,
  queryTimeoutMs?: number,
): Promise<pg.Client> {
  const client = new pg.Client({
    ...clientConfig(target, role),
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
  if (isDbsyncError(error)) return error
  const where = `${client.host}:${client.port}`
  const code = errorCode(error)
  if (code === '28P01' || code === '28000' || code === '3D000') {
    return new DbsyncError(
      'POSTGRES.AUTHENTICATION',
      `The server at ${where} rejected the connection (SQLSTATE ${code}): ` +
        (code === '3D000'
          ? `database "${client.database}" does not exist. Create it or correct the connection.`
          : `role "${client.user}" could not log in. Check user, password and pg_hba.conf.`),
      { details: { sqlState: code, user: client.user, database: client.database } },
    )
  }
  if (code === '08P01' && Reflect.get(client, 'replication') !== undefined) {
    return new DbsyncError(
      'POSTGRES.POOLER',
      `What answers at ${where} does not take replication connections (SQLSTATE ${code}); it is probably a pooler. Give ` +
        'DBSync a connection string that leads to the server itself.',
      { details: { sqlState: code, host: client.host, port: client.port } },
    )
  }
  if (code !== undefined && isSqlState(code)) return serverError(error, 'connect')
  const problem = tlsProblem(error, code)
  if (problem !== null) {
    return new DbsyncError(
      'POSTGRES.TLS',
      `There is no verified TLS to the server at ${where}: ${problem}. Connect by the name in its certificate and with its ` +
        'certificate authority (sslrootcert=FILE, or ssl.ca), or have the server offer TLS.',
      { details: { host: client.host, port: client.port, reason: code ?? null } },
    )
  }
  return new DbsyncError(
    'POSTGRES.CONNECTION_REFUSED',
    `No PostgreSQL server answers at ${where} (${code ?? messageOf(error)}). Start the server or correct host and port.`,
    { details: { host: client.host, port: client.port, reason: code ?? messageOf(error) } },
  )
}

const CERTIFICATE_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_C|INVALID_|PATH_LENGTH_|HOSTNAME_)/

/** What is wrong with the server's TLS, or null if that is not the trouble. */
function tlsProblem(error: unknown, code: string | undefined): string | null {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is not for that name (${code})`
  if (code !== undefined && CERTIFICATE_CODE.test(code)) return `its certificate cannot be verified (${code})`
  // node-pg says so, without a code, when the server answers that it has none.
  return messageOf(error) === 'The server does not support SSL connections' ? 'it offers none' : null
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
