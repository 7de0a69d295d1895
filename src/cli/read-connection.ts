import { DbsyncError } from '../core/errors.ts'
import type { ConnectionOptions } from '../postgres/resolve-connection.ts'

/**
 * Where the database is: the given URL, else DATABASE_URL, else the POSTGRES_* variables.
 *
 * Throws: CONFIG.INVALID_OPTIONS; the message never holds the URL, which holds a password.
 */
export function readConnection(
  url: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): ConnectionOptions {
  if (url !== undefined) return checkedUrl(url, '--url')
  const variable = given(env['DATABASE_URL'])
  if (variable !== undefined) return checkedUrl(variable, 'DATABASE_URL')
  const host = given(env['POSTGRES_HOST'])
  const database = given(env['POSTGRES_NAME']) ?? given(env['POSTGRES_DB'])
  if (host === undefined && database === undefined) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      'No database is named. Pass --url, or set DATABASE_URL, or POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, ' +
        'POSTGRES_PASSWORD and POSTGRES_NAME (or POSTGRES_DB).',
    )
  }
  const user = given(env['POSTGRES_USER'])
  const password = given(env['POSTGRES_PASSWORD'])
  return {
    host: host ?? 'localhost',
    port: portOf(given(env['POSTGRES_PORT']) ?? '5432'),
    ...(database === undefined ? {} : { database }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
  }
}

function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536) return Number(text)
  throw new DbsyncError('CONFIG.INVALID_OPTIONS', 'POSTGRES_PORT is not a port, a number from 1 to 65535.')
}

function checkedUrl(text: string, where: string): string {
  if (isPostgresUrl(text)) return text
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `${where} is not a PostgreSQL URL. Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the ` +
      'password as percent codes.',
  )
}

function isPostgresUrl(text: string): boolean {
  try {
    const { protocol, username, password, pathname } = new URL(text)
    for (const part of [username, password, pathname]) decodeURIComponent(part)
    return protocol === 'postgresql:' || protocol === 'postgres:'
  } catch {
    return false
  }
}
