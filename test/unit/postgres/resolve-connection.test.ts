import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import pg from 'pg'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { clientConfig } from '../../../src/postgres/connect.ts'
import { resolveConnection, type ConnectionTarget } from '../../../src/postgres/resolve-connection.ts'

const REMOTE = 'postgresql://app:sesame@db.example.com/shop'

afterEach(() => {
  vi.unstubAllEnvs()
})

/** What node-pg makes of it in the end, or the code of the refusal. */
function outcome(target: ConnectionTarget): unknown {
  try {
    const { ssl } = new pg.Client(clientConfig(target, 'test')) as { ssl: unknown }
    return typeof ssl === 'object' && ssl !== null ? { ...ssl } : ssl
  } catch (error) {
    if (inspect(error, { depth: 9 }).includes('sesame')) return 'shows the password'
    return Reflect.get(error as object, 'code')
  }
}

const VERIFIED = { rejectUnauthorized: true }
const UNVERIFIED = { rejectUnauthorized: false }
const REFUSED = 'CONFIG.INSECURE_CONNECTION'

describe('the TLS parameters of a connection string', () => {
  test.each([
    ['', REFUSED, false],
    ['sslmode=disable', REFUSED, false],
    ['sslmode=no-verify', REFUSED, UNVERIFIED],
    ['sslmode=prefer', VERIFIED, VERIFIED],
    ['sslmode=require', VERIFIED, VERIFIED],
    ['sslmode=verify-ca', VERIFIED, VERIFIED],
    ['sslmode=verify-full', VERIFIED, VERIFIED],
    ['sslmode=no-verify&sslmode=verify-full', VERIFIED, VERIFIED],
    ['sslmode=verify-full&sslmode=disable', REFUSED, false],
    ['sslmode=Require', 'CONFIG.INVALID_OPTIONS', 'CONFIG.INVALID_OPTIONS'],
    ['sslmode=allow', 'CONFIG.INVALID_OPTIONS', 'CONFIG.INVALID_OPTIONS'],
    ['ssl=true', VERIFIED, VERIFIED],
    ['ssl=1', VERIFIED, VERIFIED],
    ['ssl=0', REFUSED, false],
    // node-pg takes that text for the truth.
    ['ssl=false', REFUSED, false],
    ['ssl=no-verify', REFUSED, UNVERIFIED],
    ['ssl=perhaps', 'CONFIG.INVALID_OPTIONS', 'CONFIG.INVALID_OPTIONS'],
    ['sslnegotiation=direct', VERIFIED, VERIFIED],
    ['sslrootcert=system', REFUSED, false],
    ['sslrootcert=system&sslmode=verify-full', VERIFIED, VERIFIED],
    ['uselibpqcompat=true&sslmode=require', REFUSED, UNVERIFIED],
    ['uselibpqcompat=true&sslmode=prefer', REFUSED, UNVERIFIED],
    ['uselibpqcompat=true&sslmode=verify-full', VERIFIED, VERIFIED],
    ['sslrootcert=/no/such/file', 'CONFIG.INVALID_OPTIONS', 'CONFIG.INVALID_OPTIONS'],
  ])('"%s" means one thing, and needs allowInsecure where that is weak', (query, strict, allowed) => {
    const connectionString = `${REMOTE}?${query}`
    expect(outcome(connectionString)).toEqual(strict)
    expect(outcome({ connectionString, allowInsecure: true })).toEqual(allowed)
  })

  test('a certificate authority of one’s own verifies; with it the name may go unverified, without it not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dbsync-ca-'))
    const file = join(folder, 'ca.pem')
    writeFileSync(file, 'PEM')
    try {
      const own = `${REMOTE}?sslrootcert=${encodeURIComponent(file)}`
      expect(outcome(own)).toEqual({ ...VERIFIED, ca: 'PEM' })
      expect(outcome(`${own}&sslmode=require`)).toEqual({ ...VERIFIED, ca: 'PEM' })
      const named = { ...VERIFIED, ca: 'PEM', checkServerIdentity: expect.any(Function) }
      expect(outcome(`${own}&sslmode=verify-ca&uselibpqcompat=true`)).toEqual(named)
      expect(outcome(`${own}&sslmode=require&uselibpqcompat=true`)).toEqual(named)
      expect(outcome(`${REMOTE}?sslmode=verify-ca&uselibpqcompat=true`)).toBe(REFUSED)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('leave nothing to the reading of node-pg: no TLS parameter reaches it, the other ones do', () => {
    const config = resolveConnection(
      `${REMOTE}?application_name=a%20b&sslmode=require&options=-c%20x%3D1&stream=y`,
    )
    expect(config).toEqual({
      host: 'db.example.com',
      port: 5432,
      user: 'app',
      password: 'sesame',
      database: 'shop',
      application_name: 'a b',
      options: '-c x=1',
      ssl: VERIFIED,
    })
  })
})

describe('the TLS options of a configuration', () => {
  const connectionString = REMOTE
  test.each<[ConnectionTarget, unknown]>([
    [{ connectionString, ssl: true }, VERIFIED],
    [{ connectionString, ssl: {} }, VERIFIED],
    [
      { connectionString, ssl: { ca: 'PEM' } },
      { ...VERIFIED, ca: 'PEM' },
    ],
    [{ connectionString, ssl: false }, REFUSED],
    [{ connectionString, ssl: UNVERIFIED }, REFUSED],
    [{ connectionString, ssl: { checkServerIdentity: () => undefined } }, REFUSED],
    // node-pg would let the string win, and verify nothing.
    [
      { connectionString: `${REMOTE}?sslmode=no-verify`, ssl: { ca: 'PEM' } },
      { ...VERIFIED, ca: 'PEM' },
    ],
    [
      { connectionString: `${REMOTE}?sslmode=require`, ssl: { ca: 'PEM' } },
      { ...VERIFIED, ca: 'PEM' },
    ],
    [{ connectionString: `${REMOTE}?sslmode=verify-full`, ssl: UNVERIFIED }, REFUSED],
    [{ connectionString: `${REMOTE}?sslmode=verify-full`, ssl: false }, VERIFIED],
    [{ host: 'db.example.com', ssl: true }, VERIFIED],
    [{ host: 'db.example.com' }, REFUSED],
  ])('%j', (target, expected) => {
    expect(outcome(target)).toEqual(expected)
  })

  test('a client key is there on every connection, though node-pg hides it in the object that it gets', () => {
    const ssl = { ca: 'PEM', cert: 'CERT', key: 'KEY' }
    for (let turn = 0; turn < 2; turn += 1) {
      const client = new pg.Client(resolveConnection({ host: 'db.example.com', ssl })) as { ssl: unknown }
      expect(client.ssl).toHaveProperty('key', 'KEY')
      expect(new pg.Client({ host: 'db.example.com', ssl }).ssl).toBe(ssl)
    }
  })
})

describe('where no verified TLS is needed', () => {
  test.each([
    'postgresql://a@localhost/x',
    'postgresql://a@LOCALHOST/x',
    'postgresql://a@127.0.0.1/x',
    'postgresql://a@127.8.9.10/x',
    'postgresql://a@[::1]/x',
    'postgresql://a@%2Fvar%2Frun%2Fpostgresql/x',
    'postgresql:///x?host=/var/run/postgresql',
    'socket:/var/run/postgresql?db=x',
    '/var/run/postgresql x',
  ])('%s stays on this machine', (connectionString) => {
    expect(outcome(connectionString)).toBe(false)
  })

  test.each([
    'postgresql://a@10.0.0.1/x',
    'postgresql://a@0.0.0.0/x',
    'postgresql://a@[::2]/x',
    'postgresql://a@127.0.0.1.example.com/x',
    'postgresql://a@localhost.example.com/x',
    // A list is no host of node-pg's, and hostaddr is not looked at.
    'postgresql://a@localhost,db.example.com/x',
    'postgresql://a@db.example.com/x?hostaddr=127.0.0.1',
    'postgresql://a@localhost/x?host=db.example.com',
    'postgresql://a@localhost/x?host=127.0.0.1,10.0.0.1',
  ])('%s may not', (connectionString) => {
    expect(outcome(connectionString)).toBe(REFUSED)
    expect(outcome({ connectionString, allowInsecure: true })).toBe(false)
  })

  test('hostaddr does not lead elsewhere than the host that was judged', () => {
    expect(resolveConnection('postgresql://a@localhost/x?hostaddr=10.0.0.1')).toMatchObject({
      host: 'localhost',
    })
  })
})

describe('what node-pg takes from the environment', () => {
  test.each([
    ['disable', REFUSED],
    ['no-verify', REFUSED],
    ['prefer', VERIFIED],
    ['require', VERIFIED],
    ['verify-ca', VERIFIED],
    ['verify-full', VERIFIED],
  ])('PGSSLMODE=%s counts where the connection says nothing', (mode, expected) => {
    vi.stubEnv('PGSSLMODE', mode)
    expect(outcome(REMOTE)).toEqual(expected)
    expect(outcome(`${REMOTE}?sslmode=verify-full`)).toEqual(VERIFIED)
    expect(outcome(`${REMOTE}?sslmode=disable`)).toBe(REFUSED)
  })

  test('PGHOST is judged like any other host', () => {
    vi.stubEnv('PGHOST', 'db.example.com')
    expect(outcome({ user: 'app' })).toBe(REFUSED)
    expect(outcome('postgresql:///shop')).toBe(REFUSED)
  })
})

describe('what cannot be read', () => {
  test.each([
    'app:sesame@db.example.com/shop',
    'host=localhost password=sesame',
    'postgresql://app:sesame/with#slash@localhost/shop',
    'postgresql://app:ses%ZZame%@localhost:sesame/shop',
  ])('is refused without being shown', (connectionString) => {
    expect(outcome(connectionString)).toBe('CONFIG.INVALID_OPTIONS')
  })
})

describe('a password that is a function', () => {
  test('is called for each connection, and with a connection string too', async () => {
    let calls = 0
    const password = (): string => `token ${(calls += 1)}`
    const { password: resolved } = resolveConnection({
      connectionString: 'postgresql://app@localhost/shop',
      password,
    })
    expect(calls).toBe(0)
    if (typeof resolved !== 'function') throw new Error('the function is lost')
    expect([await resolved(), await resolved()]).toEqual(['token 1', 'token 2'])
  })

  test('that fails is an outage, and what it throws is not shown', async () => {
    const { password } = resolveConnection({
      host: 'localhost',
      password: () => Promise.reject(new TypeError('sesame')),
    })
    if (typeof password !== 'function') throw new Error('the function is lost')
    const error: unknown = await Promise.resolve(password()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'POSTGRES.CONNECTION_REFUSED', recovery: 'retry' })
    expect(inspect(error)).toContain('TypeError')
    expect(inspect(error)).not.toContain('sesame')
  })
})
