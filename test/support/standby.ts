import { execFileSync, spawn } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { sleep, until } from './faults.ts'
import { freePort, type OwnServer } from '../../src/testing/embedded-server.ts'
import { SERVER_FLAGS } from '../../src/testing/server-flags.ts'

/** A hot standby of a server of our own. */
export interface Standby {
  readonly url: string
  start(): Promise<void>
  halt(): Promise<void>
  promote(): Promise<void>
  /** Halts it and removes its files. */
  stop(): Promise<void>
}

/** The physical slot by which the primary keeps WAL for its standby. */
export const STANDBY_SLOT = 'standby'

/** Copies a server, which is halted for the moment, and starts the copy as its standby; from version 17 on it keeps failover slots too. */
export async function startStandby(primary: OwnServer): Promise<Standby> {
  const admin = await connect(primary.url)
  await admin.query('SELECT pg_create_physical_replication_slot($1, true)', [STANDBY_SLOT])
  const { rows } = await admin.query<{ bin: string; version: number }>(
    "SELECT setting AS bin, current_setting('server_version_num')::int AS version FROM pg_config WHERE name = 'BINDIR'",
  )
  await admin.end()
  const { bin = '', version = 0 } = rows[0] ?? {}
  const dataDir = await mkdtemp(join(tmpdir(), 'dbsync-standby-'))
  await primary.halt()
  execFileSync('sh', [
    '-c',
    `cp -a ${primary.dataDir}/. ${dataDir}/ && rm -rf ${dataDir}/pg_replslot/* ${dataDir}/postmaster.pid`,
  ])
  await primary.start()
  const owner = await stat(primary.dataDir)
  const from = new URL(primary.url)
  await writeFile(join(dataDir, 'standby.signal'), '')
  await appendFile(
    join(dataDir, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=127.0.0.1 port=${from.port} user=postgres password=postgres dbname=postgres'\n` +
      `primary_slot_name = '${STANDBY_SLOT}'\nhot_standby_feedback = on\nwal_receiver_status_interval = 1\n` +
      (version >= 170_000 ? 'sync_replication_slots = on\n' : ''),
  )
  execFileSync('chown', ['-R', `${owner.uid}:${owner.gid}`, dataDir])
  const port = await freePort()
  const url = `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`
  const flags = [...SERVER_FLAGS, '-c', `unix_socket_directories=${tmpdir()}`, '-p', String(port)]
  const start = async (): Promise<void> => {
    const own = process.getuid?.() === 0 ? { uid: owner.uid, gid: owner.gid } : {}
    const child = spawn(join(bin, 'postgres'), ['-D', dataDir, ...flags], { ...own, stdio: 'ignore' })
    child.on('error', () => {})
    await until(
      () =>
        connect(url).then(
          (client) => client.end().then(() => true),
          () => false,
        ),
      60_000,
    )
  }
  const halt = async (): Promise<void> => {
    const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => null)
    if (text === null) return
    const pid = Number(text.split('\n')[0])
    process.kill(pid, 'SIGINT')
    while (isRunning(pid)) await sleep(20)
  }
  await start()
  return {
    url,
    start,
    halt,
    async promote() {
      const client = await connect(url)
      await client.query('SELECT pg_promote(true, 60)')
      await client.end()
    },
    async stop() {
      await halt()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** A client that survives the end of its server. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
