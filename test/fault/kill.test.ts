import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { connect } from '../support/standby.ts'
import { randomSource, randomTransaction, seedExample } from '../support/workload.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const IS_LONG = process.env['SOAK'] === '1'
const KILLS = IS_LONG ? 200 : 6
const SLOT = 'killed'
const MAX_BACKLOG_BYTES = 400_000

/** The process that is killed; loaded, and waiting to be told to go. */
class Victim {
  readonly lines: string[] = []
  errors = ''
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #exited: Promise<unknown>

  constructor(url: string, file: string) {
    this.#child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        '--conditions=prisma-dbsync-source',
        'test/support/killed-sync.ts',
        url,
        SLOT,
        file,
      ],
      { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] },
    )
    this.#exited = new Promise((done) => this.#child.once('exit', done))
    this.#child.stdin.on('error', () => {})
    let rest = ''
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      this.lines.push(...parts)
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
    })
  }

  get failure(): string | undefined {
    return this.lines.find((line) => line.startsWith('failed'))
  }

  get isLive(): boolean {
    return this.lines.findLast((line) => line.startsWith('state ')) === 'state live'
  }

  tell(word: string): void {
    this.#child.stdin.write(`${word}\n`)
  }

  /** Waits for something in what it says; throws if it fails instead. */
  async until(condition: () => boolean): Promise<void> {
    await until(
      () => condition() || this.failure !== undefined || this.#child.exitCode !== null,
      120_000,
    ).catch(() => {
      throw new Error(`the process says ${this.lines.slice(-3).join(', ')} ${this.errors}`)
    })
    if (!condition()) throw new Error(`the process ended: ${this.failure ?? this.errors}`)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  async close(): Promise<void> {
    this.tell('close')
    await Promise.race([this.#exited, sleep(20_000)])
    await this.kill()
  }
}

async function backlogBytes(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    'SELECT pg_current_wal_lsn() - confirmed_flush_lsn AS bytes FROM pg_replication_slots WHERE slot_name = $1',
    [SLOT],
  )
  return Number(rows[0]?.bytes ?? 0)
}

/** Writes random transactions, over whatever happens to the server. */
function writer(url: string, seed: number): { stop(): Promise<number> } {
  let isStopped = false
  let count = 0
  const work = (async () => {
    const random = randomSource(seed)
    let client: pg.Client | null = null
    while (!isStopped) {
      try {
        client ??= await connect(url)
        // Handlers are to be behind, and not for ever further: a stream that is held back by them delivers no watermark.
        if (count % 10 === 0 && (await backlogBytes(client)) > MAX_BACKLOG_BYTES) {
          await sleep(20)
          continue
        }
        await randomTransaction(client, random)
        count += 1
        // Handlers fall behind, and catch up when a kill takes its time.
        await sleep(random(20))
      } catch {
        await client?.end().catch(() => {})
        client = null
        await sleep(50)
      }
    }
    await client?.end()
  })()
  return {
    async stop() {
      isStopped = true
      await work
      return count
    },
  }
}

/** A killed postmaster's backends may hold its memory for a moment. */
async function startAgain(server: OwnServer): Promise<void> {
  await until(
    () =>
      server.start().then(
        () => true,
        () => false,
      ),
    60_000,
  )
}

async function killBackend(url: string, random: (bound: number) => number): Promise<void> {
  const admin = await connect(url)
  const { rows } = await admin.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
     ORDER BY application_name <> 'dbsync replication', pid`,
  )
  // The walsender every other time, else anybody.
  const victim = random(2) === 0 ? rows[0] : rows[random(rows.length)]
  if (victim !== undefined) process.kill(victim.pid, 'SIGKILL')
  await admin.end().catch(() => {})
}

interface Noted {
  readonly id: readonly [lsn: string, seq: number]
  readonly model: string
  readonly op: string
  readonly key: Readonly<Record<string, unknown>>
  readonly before?: Readonly<Record<string, unknown>>
  readonly after?: Readonly<Record<string, string | number | null>>
}

type Rows = Map<string, string>

async function readRows(client: pg.ClientBase): Promise<Rows> {
  const visits = await client.query<{ k: string; v: string }>(
    "SELECT user_id || '/' || restaurant_id AS k, amount_spent || '/' || coalesce(visit_rating::text, '-') AS v FROM visit",
  )
  const restaurants = await client.query<{ k: string; v: string }>(
    'SELECT id AS k, name AS v FROM restaurant',
  )
  return new Map([
    ...visits.rows.map(({ k, v }): [string, string] => [`Visit ${k}`, v]),
    ...restaurants.rows.map(({ k, v }): [string, string] => [`Restaurant ${k}`, v]),
  ])
}

function keyOf(model: string, row: Readonly<Record<string, unknown>>): string {
  return model === 'Visit'
    ? `Visit ${String(row['userId'])}/${String(row['restaurantId'])}`
    : `Restaurant ${String(row['id'])}`
}

function valueOf(model: string, row: NonNullable<Noted['after']>): string {
  if (model !== 'Visit') return String(row['name'])
  return `${Number(row['amountSpent']).toFixed(2)}/${row['visitRating'] === null ? '-' : String(row['visitRating'])}`
}

/** The changes that were handled, each once and in commit order, applied to the rows that were there before. */
function replay(before: Rows, noted: readonly Noted[]): Rows {
  const rows = new Map(before)
  const distinct = new Map(noted.map((change) => [change.id.join('/'), change]))
  const ordered = [...distinct.values()].toSorted(({ id: a }, { id: b }) => {
    if (a[0] === b[0]) return a[1] - b[1]
    return BigInt(a[0]) < BigInt(b[0]) ? -1 : 1
  })
  for (const { model, op, key, before: old, after } of ordered) {
    if (op === 'truncate') throw new Error('nobody truncates')
    if (old !== undefined) rows.delete(keyOf(model, { ...key, ...old }))
    if (op === 'delete') rows.delete(keyOf(model, key))
    else rows.set(keyOf(model, key), valueOf(model, after ?? {}))
  }
  return rows
}

test(
  `F03 ${KILLS} kills of the process, of backends and of the postmaster: every change was handled, every view is exact`,
  async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
    const random = randomSource(seed)
    const folder = await mkdtemp(join(tmpdir(), 'dbsync-kill-'))
    const file = join(folder, 'handled')
    await writeFile(file, '')
    console.log(`SEED=${seed}`)
    const server = await startEmbedded(['-c', 'wal_sender_timeout=2s'])
    const victims: Victim[] = []
    const kills = { process: 0, backend: 0, postmaster: 0 }
    try {
      const db = await testDatabase({ serverUrl: server.url })
      const client = await db.connect()
      await seedExample(client, { users: 60, restaurants: 40, visits: 500 })
      const load = (): Victim => {
        const victim = new Victim(db.url, file)
        victims.push(victim)
        return victim
      }
      let current = load()
      let next = load()
      current.tell('go')
      await current.until(() => current.isLive)
      const before = await readRows(client)
      const writers = [1, 2].map((index) => writer(db.url, seed + index))
      for (let turn = 0; turn < KILLS; turn += 1) {
        // Most die at work, some while they start.
        if (random(4) > 0) await current.until(() => current.isLive)
        // Long enough for a position to be settled and sent; what is confirmed too early is lost then.
        await sleep(500 + random(2_000))
        if (current.failure !== undefined) throw new Error(current.failure)
        const kind = (['process', 'process', 'backend', 'postmaster'] as const)[turn % 4] ?? 'process'
        kills[kind] += 1
        if (kind === 'process') {
          await current.kill()
          current = next
          await current.until(() => current.lines.includes('ready'))
          current.tell('go')
          next = load()
        } else if (kind === 'backend') {
          await killBackend(db.url, random).catch(() => {})
        } else {
          await server.kill()
          await startAgain(server)
        }
      }
      const transactions = (await Promise.all(writers.map((one) => one.stop()))).reduce(
        (sum, n) => sum + n,
        0,
      )
      await current.until(() => current.isLive)
      await until(
        () =>
          connect(db.url).then(
            (one) => one.end().then(() => true),
            () => false,
          ),
        60_000,
      )
      const reader = await connect(db.url)
      await reader.query("INSERT INTO restaurant (id, name) VALUES ('the end', 'the end')")
      const noted = async (): Promise<Noted[]> =>
        (await readFile(file, 'utf8'))
          .split('\n')
          // A process that is killed may leave half a line; its change comes again.
          .flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Noted] : []))
      await until(async () => (await readFile(file, 'utf8')).includes('"the end"'), 300_000)
      current.tell('verify')
      await current.until(() => current.lines.some((line) => line.startsWith('differences')))
      const handled = await noted()
      const distinct = new Set(handled.map(({ id }) => id.join('/'))).size
      const [now, replayed] = [await readRows(reader), replay(before, handled)]
      await reader.end()
      const wrong = [...new Set([...now.keys(), ...replayed.keys()])].filter(
        (key) => now.get(key) !== replayed.get(key),
      )
      const figures = { seed, ...kills, transactions, changes: distinct, repeated: handled.length - distinct }
      expect({ ...figures, wrong, views: current.lines.at(-1) }).toEqual({
        ...figures,
        wrong: [],
        views: 'differences 0',
      })
      // There was something to lose.
      expect(distinct).toBeGreaterThan(KILLS * 10)
      if (IS_LONG) console.log(JSON.stringify(figures))
      await current.close()
    } finally {
      await Promise.all(victims.map((victim) => victim.kill()))
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    }
  },
  IS_LONG ? 3_600_000 : 300_000,
)
