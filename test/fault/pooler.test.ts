import { spawn, spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { proxy, until, within } from '../support/faults.ts'
import { freePort } from '../../src/testing/embedded-server.ts'
import { connect } from '../support/standby.ts'
import { exampleSync } from '../support/views.ts'

const hasPgbouncer = spawnSync('pgbouncer', ['--version']).status === 0

/** A pgbouncer in front of the database, in one of its modes. */
async function pooler(db: TestDatabase, mode: string): Promise<AsyncDisposable & { readonly url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'dbsync-pooler-'))
  await chmod(folder, 0o755)
  const port = await freePort()
  const { hostname, port: serverPort, username, password } = new URL(db.url)
  await writeFile(join(folder, 'users.txt'), `"${username}" "${password}"\n`)
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    `[databases]\n${db.name} = host=${hostname} port=${serverPort} dbname=${db.name} user=${username} password=${password}\n` +
      `[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nauth_type = any\n` +
      `auth_file = ${join(folder, 'users.txt')}\npool_mode = ${mode}\nignore_startup_parameters = extra_float_digits\n`,
  )
  // It does not run as root.
  const own = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const child = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], { ...own, stdio: 'ignore' })
  const url = new URL(db.url)
  url.port = String(port)
  await until(() =>
    connect(url.href).then(
      (client) => client.end().then(() => true),
      () => false,
    ),
  )
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      const exited = new Promise((done) => child.once('exit', done))
      child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

for (const mode of ['transaction', 'session']) {
  test.runIf(hasPgbouncer)(
    `F10 pgbouncer in ${mode} mode is refused with a code (where a pgbouncer is installed)`,
    async () => {
      await using db = await testDatabase()
      await using bouncer = await pooler(db, mode)
      const { sync } = exampleSync(bouncer.url)
      const error: unknown = await sync.start().catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        code: 'POSTGRES.POOLER',
        recovery: 'fix',
        message: expect.stringMatching(/pooler.*leads to the server itself/s),
      })
      expect(String(error)).not.toContain('postgres:postgres')
      expect(sync.state).toBe('failed')
      await sync.close()
      expect(
        await db.query('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()'),
      ).toEqual([])
      if (mode !== 'transaction') return
      // Nothing was made, and nobody inherits our settings.
      expect(await db.query('SELECT pubname FROM pg_publication')).toEqual([])
      const stranger = await connect(bouncer.url)
      const { rows } = await stranger.query('SHOW intervalstyle')
      await stranger.end()
      expect(rows).toEqual([{ IntervalStyle: 'postgres' }])
    },
  )
}

test('F10 a proxy that keeps sessions apart is no pooler', async () => {
  await using db = await testDatabase()
  const link = await proxy(db.url)
  const { sync } = exampleSync(link.url)
  expect(await within(20_000, sync.start())).toBe('done')
  await sync.close()
  link.close()
})
