import { readFileSync } from 'node:fs'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { DbsyncError } from '../core/errors.ts'

/** What a connection string says of TLS; absent where it says nothing. */
export type TlsSettings = boolean | TlsOptions | undefined

/** Parameters of a connection string that decide on TLS. */
const TLS_PARAMETERS: ReadonlySet<string> = new Set([
  'ssl',
  'sslmode',
  'sslnegotiation',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'uselibpqcompat',
])

const VERIFIED_MODES = ['prefer', 'require', 'verify-ca', 'verify-full']
const MODES = ['disable', 'no-verify', ...VERIFIED_MODES]

/** A connection string without what it says of TLS, and that. */
export interface SplitConnectionString {
  readonly rest: string
  readonly ssl: TlsSettings
  readonly sslnegotiation: 'direct' | 'postgres' | undefined
}

/**
 * Takes the TLS parameters out of a connection string and reads them: the meaning must not change with the version of
 * node-pg, whose next one reads some of them more weakly.
 *
 * `prefer`, `require`, `verify-ca` and `verify-full` all mean verified TLS, `no-verify` encrypts without verifying, `disable` is
 * plain text. With `uselibpqcompat=true` they mean what libpq makes of them.
 * Throws: CONFIG.INVALID_OPTIONS for a mode that there is none of, or a certificate file that cannot be read.
 */
export function splitConnectionString(text: string): SplitConnectionString {
  const [body = '', ...fragment] = text.split('#')
  const at = body.indexOf('?')
  if (at < 0) return { rest: text, ssl: undefined, sslnegotiation: undefined }
  const found = new Map<string, string>()
  const kept: string[] = []
  for (const part of body.slice(at + 1).split('&')) {
    const [[name, value] = ['', '']] = new URLSearchParams(part)
    // As node-pg does: the last one counts.
    if (TLS_PARAMETERS.has(name)) found.set(name, value)
    else kept.push(part)
  }
  const query = kept.length === 0 ? '' : `?${kept.join('&')}`
  return {
    rest: [body.slice(0, at) + query, ...fragment].join('#'),
    ssl: readParameters(found),
    sslnegotiation: readNegotiation(found),
  }
}

function readParameters(found: ReadonlyMap<string, string>): TlsSettings {
  const mode = found.get('sslmode')
  if (mode !== undefined && mode !== '' && !MODES.includes(mode)) throw unknownValue('sslmode', mode, MODES)
  const root = found.get('sslrootcert')
  const files = {
    ...readFile('ca', root === 'system' ? undefined : root),
    ...readFile('cert', found.get('sslcert')),
    ...readFile('key', found.get('sslkey')),
  }
  if (mode === 'disable') return false
  if (mode === 'no-verify') return { ...files, rejectUnauthorized: false }
  if (mode !== undefined && mode !== '') {
    return found.get('uselibpqcompat') === 'true'
      ? { ...files, ...libpqVerification(mode, files.ca !== undefined) }
      : files
  }
  if (Object.keys(files).length > 0) return files
  const plain = readFlag(found.get('ssl'))
  return plain === undefined && found.get('sslnegotiation') === 'direct' ? true : plain
}

/** `ssl=`, as node-pg reads it in a string; `false` is its string and not the truth. */
export function readFlag(value: string | undefined): TlsSettings {
  if (value === undefined || value === '') return undefined
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  if (value === 'no-verify') return { rejectUnauthorized: false }
  throw unknownValue('ssl', value, ['true', 'false', 'no-verify'])
}

function readNegotiation(found: ReadonlyMap<string, string>): 'direct' | 'postgres' | undefined {
  const value = found.get('sslnegotiation')
  if (value === undefined || value === '') return undefined
  if (value === 'direct' || value === 'postgres') return value
  throw unknownValue('sslnegotiation', value, ['postgres', 'direct'])
}

/** libpq's own reading: `require` verifies where there is a root certificate, and only `verify-full` looks at the host's name. */
function libpqVerification(mode: string, hasRoot: boolean): TlsOptions {
  if (mode === 'verify-full') return {}
  if (mode === 'verify-ca' || (mode === 'require' && hasRoot)) return { checkServerIdentity: () => undefined }
  return { rejectUnauthorized: false }
}

function readFile(
  name: 'ca' | 'cert' | 'key',
  path: string | undefined,
): { ca?: string; cert?: string; key?: string } {
  if (path === undefined || path === '') return {}
  try {
    return { [name]: readFileSync(path, 'utf8') }
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `The connection names the ${name === 'ca' ? 'root certificate' : name} file ${path}, which cannot be read (${reason}). ` +
        'Correct the path, or let this process read the file.',
      { details: { file: path, reason } },
    )
  }
}

function unknownValue(name: string, value: string, known: readonly string[]): DbsyncError {
  return new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `The connection says ${name}=${value}, which is not known. Use ${known.join(', ')}.`,
    { details: { parameter: name, value } },
  )
}
