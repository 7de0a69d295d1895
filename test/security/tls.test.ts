import { chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { certificatesFor, hasOpenssl, ownAddress, type Certificates } from '../support/certificates.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { cutStream, until } from '../support/faults.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { exampleSync, expectExact } from '../support/views.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

/** What start() fails with. */
async function refusal(...args: Parameters<typeof exampleSync>): Promise<unknown> {
  const { sync } = exampleSync(...args)
  const error: unknown = await sync.start().then(
    () => null,
    (thrown: unknown) => thrown,
  )
  await sync.close()
  return error
}

// Not on a machine without a network of its own, or without openssl.
describe.skipIf(ownAddress === undefined || !hasOpenssl)('a server on the network, with TLS', () => {
  let server: OwnServer
  let certificates: Certificates
  let db: TestDatabase

  /** The database's connection string by the machine's own address. */
  const remote = (query = ''): string => {
    const url = new URL(db.url)
    url.hostname = ownAddress ?? ''
    return `${url.href}${query}`
  }
  const verified = (): string =>
    remote(`?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificates.caFile)}`)
  const ways = (): Promise<{ role: string; ssl: boolean }[]> =>
    db.query(
      `SELECT application_name AS role, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
       WHERE application_name LIKE 'dbsync %' ORDER BY 1`,
    )

  /** The sessions that a live sync has, all of one kind; the one that read the tables may be about to end. */
  async function expectWays(ssl: boolean): Promise<void> {
    const found = await ways()
    const lasting = found.map(({ role }) => role).filter((role) => role !== 'dbsync snapshot')
    expect(lasting).toEqual(['dbsync control', 'dbsync replication'])
    expect(found.filter((way) => way.ssl !== ssl)).toEqual([])
  }

  beforeAll(async () => {
    certificates = certificatesFor(ownAddress ?? '')
    server = await startEmbedded(['-c', 'listen_addresses=*'])
    write('server.crt', certificates.cert)
    write('server.key', certificates.key)
    db = await testDatabase({ serverUrl: server.url })
    await setAccess('host')
    await setTls('on')
  })

  afterAll(async () => {
    await db?.[Symbol.asyncDispose]()
    await server?.stop()
    certificates?.[Symbol.dispose]()
  })

  /** Puts a file into the server's folder, as it wants it. */
  function write(name: string, content: string): void {
    const { uid, gid } = statSync(server.dataDir)
    const path = join(server.dataDir, name)
    writeFileSync(path, content, { mode: 0o600 })
    chownSync(path, uid, gid)
  }

  /** Who gets in by the machine's own address: anybody, or encrypted sessions alone. */
  async function setAccess(kind: 'host' | 'hostssl'): Promise<void> {
    const lines = [
      'host all all 127.0.0.1/32 scram-sha-256',
      `${kind} all all ${ownAddress}/32 scram-sha-256`,
    ]
    write('pg_hba.conf', `${lines.join('\n')}\n`)
    await db.query('SELECT pg_reload_conf()')
    await until(async () => (await getsIn(false)) === (kind === 'host'))
  }

  /** Whether a session by that address gets in; what a server says of its settings may be ahead of what it does. */
  async function getsIn(encrypted: boolean): Promise<boolean> {
    const ssl = encrypted ? { ca: certificates.ca } : false
    const client = new pg.Client({ connectionString: remote(), ssl })
    client.on('error', () => {})
    try {
      await client.connect()
      return true
    } catch {
      return false
    } finally {
      await client.end().catch(() => {})
    }
  }

  async function setTls(value: 'on' | 'off'): Promise<void> {
    await db.query(`ALTER SYSTEM SET ssl = ${value}`)
    await db.query('SELECT pg_reload_conf()')
    await until(async () => (await getsIn(true)) === (value === 'on'))
  }

  test('F11 plain text and unverified certificates are refused before anything is sent', async () => {
    for (const query of [
      '',
      '?sslmode=disable',
      '?sslmode=no-verify',
      '?uselibpqcompat=true&sslmode=require',
    ]) {
      expect(() => exampleSync(remote(query))).toThrow(
        expect.objectContaining({
          code: 'CONFIG.INSECURE_CONNECTION',
          recovery: 'fix',
          message: expect.stringMatching(/verified TLS.*sslmode=verify-full.*allowInsecure/),
        }),
      )
    }
    await until(async () => (await ways()).length === 0)
  })

  test('F11 every session of a sync is encrypted and verified', async () => {
    // The server lets no plain session in, so whoever gets in is encrypted.
    await setAccess('hostssl')
    await db.query("INSERT INTO restaurant (id, name) VALUES ('before', 'a')")
    expect(await refusal(remote(), { allowInsecure: true })).toMatchObject({
      code: 'POSTGRES.AUTHENTICATION',
    })
    const { sync } = exampleSync(verified())
    await sync.start()
    await expectWays(true)
    await db.query("INSERT INTO restaurant (id, name) VALUES ('tls', 'a')")
    await expectExact(db, sync)
    await sync.close()
    await setAccess('host')
  })

  test('the configuration’s certificate authority counts with any mode that asks for TLS', async () => {
    const { sync } = exampleSync(db.url, {
      connection: { connectionString: remote('?sslmode=require'), ssl: { ca: certificates.ca } },
    })
    await sync.start()
    await expectWays(true)
    await sync.close()
  })

  test('F11 a certificate that nobody vouches for ends it, whatever the environment allows Node', async () => {
    for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
      expect(await refusal(remote(`?sslmode=${mode}`))).toMatchObject({
        code: 'POSTGRES.TLS',
        recovery: 'fix',
      })
    }
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    expect(await refusal(remote('?sslmode=require'))).toMatchObject({
      code: 'POSTGRES.TLS',
      message: expect.stringMatching(/certificate cannot be verified \(\w+\).*sslrootcert/),
    })
    await until(async () => (await ways()).length === 0)
  })

  test('F11 a certificate for another name ends it', async () => {
    const error = await refusal(verified().replace(ownAddress ?? '', 'localhost'))
    expect(error).toMatchObject({ code: 'POSTGRES.TLS', message: expect.stringMatching(/not for that name/) })
  })

  test('allowInsecure takes what the connection asks for: no verification, or no TLS at all', async () => {
    for (const [query, ssl] of [
      ['?sslmode=no-verify', true],
      ['', false],
    ] as const) {
      const { sync } = exampleSync(remote(query), { allowInsecure: true })
      await sync.start()
      await expectWays(ssl)
      await sync.close()
    }
  })

  test('F11 a server that loses its TLS does not get a plain session at the reconnect', async () => {
    const { sync, events } = exampleSync(verified())
    await sync.start()
    await setTls('off')
    await cutStream(db)
    await until(() => sync.state === 'failed')
    expect(events.at(-1)).toMatchObject({
      kind: 'failed',
      error: { code: 'POSTGRES.TLS', message: expect.stringContaining('it offers none') },
    })
    await sync.close()
    await setTls('on')
  })

  test('a password function is asked at every connection, so that a password may change', async () => {
    const role = `r_${db.name}`
    await db.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'first'`)
    let current = 'first'
    let calls = 0
    const url = new URL(verified())
    url.username = role
    url.password = ''
    const password = (): Promise<string> => {
      calls += 1
      return Promise.resolve(current)
    }
    const { sync } = exampleSync(db.url, { connection: { connectionString: url.href, password } })
    await sync.start()
    expect(calls).toBe(3)
    current = 'second'
    await db.query(`ALTER ROLE ${role} PASSWORD 'second'`)
    await cutStream(db)
    await until(() => sync.status().reconnects > 0 && sync.state === 'live')
    expect(calls).toBeGreaterThan(3)
    await expectExact(db, sync)
    await sync.close()
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })
})
