import { isIPv4 } from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import pg from 'pg'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { readFlag, splitConnectionString, type TlsSettings } from './tls-settings.ts'

/** Where the database is: a connection string or node-pg's own configuration. */
export type ConnectionOptions = string | pg.ClientConfig

/** The same, and whether unverified connections may leave this machine. */
export type ConnectionTarget = ConnectionOptions | (pg.ClientConfig & { readonly allowInsecure?: boolean })

const CONNECTION_STRING = /^(?:[a-z]+:\/\/|socket:|\/)/i

/** Parameters of a connection string that node-pg passes on, beyond host, user and their like. */
const PASSED_ON: ReadonlySet<string> = new Set([
  'application_name',
  'fallback_application_name',
  'options',
  'client_encoding',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'query_timeout',
])

/**
 * Turns a connection into node-pg's configuration with nothing left open: host, user, database and TLS are explicit, so that
 * neither the environment nor a later version of node-pg makes it weaker. What node-pg reads from the environment
 * (`PGHOST`, `PGSSLMODE` and so on) counts where the connection says nothing.
 *
 * The connection string's TLS parameters count unless the configuration has an `ssl` object beside it; a `password`
 * beside it counts, so that it can be a function, which is called for each connection.
 * Throws: CONFIG.INVALID_OPTIONS, CONFIG.INSECURE_CONNECTION for a host other than this one without verified TLS.
 */
export function resolveConnection(target: ConnectionTarget): pg.ClientConfig {
  const { connectionString, allowInsecure, ...given } = asObject(target)
  // Of other texts node-pg makes something, and shows parts of them as a host or a database.
  if (connectionString !== undefined && !CONNECTION_STRING.test(connectionString)) throw unreadable('no URL')
  const split = connectionString === undefined ? null : splitConnectionString(connectionString)
  const { ssl: wanted, sslnegotiation: wantedNegotiation, password, stream, ...others } = given
  const asked = tlsOf(wanted, split?.ssl)
  const sslnegotiation = split?.sslnegotiation ?? wantedNegotiation
  const negotiation = sslnegotiation === undefined ? {} : { sslnegotiation }
  // Read by node-pg itself, which alone knows every form that its strings take and what it takes from the environment.
  const client = newClient({
    ...others,
    ...(split === null ? {} : { connectionString: split.rest }),
    ...(asked === undefined ? {} : { ssl: asked !== false }),
    ...negotiation,
  })
  const ssl = pinned(asked ?? tlsOf(client.ssl, undefined) ?? false)
  const secret = password ?? client.password
  const resolved: pg.ClientConfig = {
    ...others,
    ...(split === null ? {} : passedOn(split.rest)),
    host: client.host,
    port: client.port,
    user: client.user,
    database: client.database,
    ssl,
    ...negotiation,
    ...(stream === undefined ? {} : { stream }),
    ...(secret == null ? {} : { password: typeof secret === 'function' ? guarded(secret) : secret }),
  }
  const weakness = weaknessOf(ssl)
  if (weakness !== null && allowInsecure !== true && !isLocal(client.host))
    throw insecure(client.host, weakness)
  return resolved
}

/** Whether two connections lead to one database, as far as their words tell. */
export function isSameDatabase(one: ConnectionTarget, other: ConnectionTarget): boolean {
  const [a, b] = [resolveConnection(one), resolveConnection(other)]
  return a.host === b.host && a.port === b.port && a.database === b.database
}

type GivenConfig = pg.ClientConfig & { readonly allowInsecure?: boolean }

/** The same connection, with what the caller allows beside what the connection itself allows. */
export function targetOf(connection: ConnectionTarget, allowInsecure = false): ConnectionTarget {
  return allowInsecure ? { ...asObject(connection), allowInsecure } : connection
}

function asObject(target: ConnectionTarget): GivenConfig {
  return typeof target === 'string' ? { connectionString: target } : target
}

function newClient(config: pg.ClientConfig): Pick<
  pg.Client,
  'host' | 'port' | 'user' | 'database' | 'password'
> & {
  readonly ssl: unknown
} {
  try {
    return new pg.Client(config)
  } catch (error) {
    // The reason may quote the string, and with it the password.
    throw unreadable(error instanceof Error ? error.name : 'unknown')
  }
}

function unreadable(reason: string): DbsyncError {
  return new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `The connection cannot be read (${reason}). A connection string has the form postgresql://user:password@host:port/database, ` +
      'with characters like "/", "#" and "%" in a password percent-encoded.',
  )
}

/** An `ssl` object beside the connection string says more than the string can; else the string decides. */
function tlsOf(given: unknown, fromString: TlsSettings): TlsSettings {
  if (typeof given === 'object' && given !== null) return given
  if (fromString !== undefined) return fromString
  if (typeof given === 'string') return readFlag(given)
  return typeof given === 'boolean' ? given : undefined
}

/** Says what Node's default is, so that no environment variable turns it off. */
function pinned(ssl: boolean | TlsOptions): false | TlsOptions {
  if (ssl === false) return false
  if (ssl === true) return { rejectUnauthorized: true }
  const { rejectUnauthorized, ...others } = ssl
  // node-pg makes the key of an object that it was given not enumerable.
  const key = ssl.key === undefined ? {} : { key: ssl.key }
  return { ...others, ...key, rejectUnauthorized: rejectUnauthorized !== false }
}

/** What is missing for verified TLS, or null. */
function weaknessOf(ssl: false | TlsOptions): string | null {
  if (ssl === false) return 'is not encrypted'
  if (ssl.rejectUnauthorized === false) return "is encrypted without verifying the server's certificate"
  // With a certificate authority of one's own its signature is proof enough; a public one signs for anybody.
  if (ssl.checkServerIdentity !== undefined && ssl.ca === undefined)
    return "does not verify the server's name"
  return null
}

/** Whether what is sent there stays on this machine. */
function isLocal(host: string): boolean {
  if (host.startsWith('/')) return true
  const address = host.toLowerCase()
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}

function insecure(host: string, weakness: string): DbsyncError {
  return new DbsyncError(
    'CONFIG.INSECURE_CONNECTION',
    `The connection to ${host} ${weakness}; need verified TLS to every host but this one. Add sslmode=verify-full to the ` +
      'connection string (with sslrootcert=FILE for a certificate authority of your own), or set the option allowInsecure to ' +
      'true if nobody else can reach the network in between.',
    { details: { host } },
  )
}

function passedOn(text: string): Record<string, string> {
  const [body = ''] = text.split('#')
  const at = body.indexOf('?')
  const query = new URLSearchParams(at < 0 ? '' : body.slice(at + 1))
  return Object.fromEntries([...query].filter(([name]) => PASSED_ON.has(name)))
}

/** What a password function throws may quote the secret. */
function guarded(password: () => string | Promise<string>): () => Promise<string> {
  return async () => {
    try {
      return await password()
    } catch (error) {
      if (isDbsyncError(error)) throw error
      throw new DbsyncError(
        'POSTGRES.CONNECTION_REFUSED',
        `The connection's password function failed (${error instanceof Error ? error.name : typeof error}). It is called for ` +
          'each connection; catch what it throws to see why.',
      )
    }
  }
}
