import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { seedVisits } from './workload.ts'
import type { TestDatabase } from './database.ts'
import { exampleViews } from './example-views.ts'
import { sleep, until } from './faults.ts'
import type { KillPoint } from './kill-points.ts'
import { Ledger, type Seen } from './ledger.ts'
import { tap, type Tap } from './tap.ts'

/** A process of `derived-child.ts`: loaded, and waiting to be told to go. */
class Victim {
  readonly lines: string[] = []
  #errors = ''
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #exited: Promise<unknown>

  constructor(file: string, args: readonly string[]) {
    this.#child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#exited = new Promise((done) => this.#child.once('exit', done))
    this.#child.stdin.on('error', () => {})
    let rest = ''
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      this.lines.push(...parts)
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
  }

  async tell(word: string, answer: string): Promise<void> {
    const before = this.lines.length
    this.#child.stdin.write(`${word}\n`)
    await this.until(() => this.lines.slice(before).includes(answer), answer)
  }

  /** Waits for something; throws if the process fails instead. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const failure = (): string | undefined =>
      this.lines.find((line) => line.startsWith('failed')) ??
      (this.#child.exitCode === null ? undefined : this.#errors)
    await until(() => condition() || failure() !== undefined, 60_000).catch(() => {})
    if (!condition()) throw new Error(`no ${what}: ${failure() ?? this.lines.join('; ')}`)
  }

  go(): void {
    this.#child.stdin.write('go\n')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async end(): Promise<void> {
    this.kill()
    await this.#exited
  }
}

/** What a run of kills is made of. */
export interface KillRunOptions {
  readonly db: TestDatabase
  /** The bundle of `derived-child.ts`. */
  readonly file: string
  /** In this order, one after the other; null: at any moment. */
  readonly points: readonly (KillPoint | null)[]
  readonly random: (bound: number) => number
  /** For the child: which flaw its store is to have. */
  readonly flaw?: string
  /** Changes what passes between store and server. */
  readonly tamper?: (target: Tap) => void
  /** Runs while nobody streams. */
  readonly whileDown?: () => Promise<void>
}

/** What came out. */
export interface KillRunResult {
  /** What is wrong, each with the point of the kill before. */
  readonly found: readonly string[]
  readonly transactions: number
  /** Distinct states that readers have seen. */
  readonly seen: number
}

/**
 * Kills a sync of derived tables at point after point, under a writer and a reader, and starts the next each time. After each start
 * the tables are compared with the views' SQL, and everything that the reader saw with what the SQL answered at the position it had.
 */
export async function killRun(options: KillRunOptions): Promise<KillRunResult> {
  const { db, file, points, random } = options
  await seedVisits(db, 300)
  const views = Object.values(exampleViews)
  const ledger = await Ledger.open(db, views, 1 + random(2 ** 30))
  await using source = await tap(db.url)
  await using target = await tap(db.url)
  const seen = new Map<string, Seen>()
  const look = async (): Promise<void> => {
    const found = await ledger.look()
    if (found !== null) seen.set(JSON.stringify(found), found)
  }
  let isLooking = true
  const looking = (async () => {
    while (isLooking) {
      await look()
      await sleep(10)
    }
  })()
  const found: string[] = []
  let states = 0
  const slot = `kill_${db.name}`
  const load = (): Victim => new Victim(file, [source.url, target.url, slot, options.flaw ?? ''])
  let current = load()
  let next: Victim | null = null
  let last = 'nothing'
  const verify = async (): Promise<void> => {
    await ledger.pause()
    await current.tell('catchUp', 'caught')
    await look()
    const wrong = [...(await ledger.check([...seen.values()])), ...(await ledger.differences())]
    found.push(...wrong.map((line) => `after ${last}: ${line}`))
    states += seen.size
    seen.clear()
    ledger.run()
  }
  try {
    for (const point of points) {
      next = load()
      await current.until(() => current.lines.includes('ready'), 'ready')
      const isAtStart = point === null ? random(3) === 0 : point.at === 'start'
      if (isAtStart) current.go()
      else {
        await current.tell('go', 'live')
        await verify()
      }
      await died(current, { source, target }, point, options)
      await current.end()
      source.cut()
      target.cut()
      last = point?.name ?? 'any moment'
      await options.whileDown?.()
      current = next
    }
    await current.until(() => current.lines.includes('ready'), 'ready')
    await current.tell('go', 'live')
    await verify()
    await ledger.pause()
  } finally {
    isLooking = false
    await ledger.pause()
    await looking
    await current.end()
    await next?.end()
  }
  return { found, transactions: ledger.size, seen: states }
}

/** Lets a process come to the point, and to its end there. */
async function died(
  victim: Victim,
  { source, target }: { source: Tap; target: Tap },
  point: KillPoint | null,
  { random, tamper }: KillRunOptions,
): Promise<void> {
  let isDead = false
  const kill = (): void => {
    victim.kill()
    isDead = true
  }
  const isIt = point?.arm() ?? null
  const watched = point?.link === 'dbsync replication' ? source : target
  watched.onMessage = (message, link) => {
    if (isDead || isIt === null || link.name !== point?.link) return 'pass'
    const death = isIt(message, link)
    if (death === null) return 'pass'
    if (death === 'soon') setTimeout(kill, random(4))
    else kill()
    return death === 'before' ? 'hold' : 'pass'
  }
  tamper?.(target)
  if (point === null) setTimeout(kill, random(400))
  await victim.until(() => isDead, point?.name ?? 'moment')
  watched.onMessage = () => 'pass'
}
