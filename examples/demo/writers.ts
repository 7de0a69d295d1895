import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { Prisma, PrismaClient } from '../../generated/client/client.ts'
import { ACTIONS, SecondThoughts, type KnownKeys, type WriterAction } from './writer-actions.ts'

/** What the writers have done so far, in transactions. */
export interface WriterCounts {
  readonly committed: number
  readonly rolledBack: number
  /** Refused by the database: two writers got in each other's way. */
  readonly refused: number
}

/** Unique, foreign key, not found, deadlock: what happens when several writers do as they like. */
const EXPECTED_CODES = new Set(['P2002', 'P2003', 'P2025', 'P2034'])
const PAUSE_MS = 4

/** Several writers at once, each over a connection of its own, through Prisma Client. */
export class Writers implements AsyncDisposable {
  readonly #prisma: PrismaClient
  readonly #keys: KnownKeys
  readonly #count: number
  readonly #stop = new AbortController()
  readonly #counts = { committed: 0, rolledBack: 0, refused: 0 }
  #running: readonly Promise<void>[] = []
  #failure: unknown = null

  /** `count` writers on a database with these keys; they do nothing before `start`. */
  constructor(url: string, count: number, keys: KnownKeys) {
    this.#keys = keys
    const adapter = new PrismaPg({ connectionString: url, max: count })
    this.#prisma = new PrismaClient({ adapter, transactionOptions: { maxWait: 30_000, timeout: 30_000 } })
    this.#count = count
  }

  get counts(): WriterCounts {
    return { ...this.#counts }
  }

  /** Whether a writer has failed, so that all have stopped; `stop` throws the reason. */
  get hasFailed(): boolean {
    return this.#failure !== null
  }

  /** Starts the writers; they write until `stop`. */
  start(): void {
    this.#running = Array.from({ length: this.#count }, async () => {
      while (!this.#stop.signal.aborted) {
        await this.#act(pick(ACTIONS))
        await sleep(Math.random() * 2 * PAUSE_MS)
      }
    })
  }

  /** Waits for what is under way. Throws: what a writer failed with, other than getting in another's way. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
    if (this.#failure !== null) throw this.#failure
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {})
    await this.#prisma.$disconnect().catch(() => {})
  }

  async #act(action: WriterAction): Promise<void> {
    try {
      await action.run(this.#prisma, this.#keys)
      this.#counts.committed += 1
    } catch (error) {
      if (error instanceof SecondThoughts) this.#counts.rolledBack += 1
      else if (error instanceof Prisma.PrismaClientKnownRequestError && EXPECTED_CODES.has(error.code)) {
        this.#counts.refused += 1
      } else {
        this.#failure ??= new Error(`A writer failed: ${action.name}`, { cause: error })
        this.#stop.abort()
      }
    }
  }
}

function pick(actions: readonly WriterAction[]): WriterAction {
  let at = Math.random() * actions.reduce((sum, { weight }) => sum + weight, 0)
  for (const action of actions) {
    at -= action.weight
    if (at < 0) return action
  }
  throw new Error('no actions')
}
