import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { until } from './faults.ts'

/** A process of its own that keeps derived tables over a slot; see `storing-child.ts`. */
export class StoringInstance implements AsyncDisposable {
  /** What it has told, in order. */
  readonly told: string[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor(url: string, slot: string) {
    const file = fileURLToPath(new URL('storing-child.ts', import.meta.url))
    this.#child = fork(file, [url, slot], {
      execArgv: ['--import', 'tsx', '--conditions=prisma-dbsync-source'],
    })
    this.#child.on('message', (line) => {
      if (typeof line === 'string') this.told.push(line)
    })
    this.#exited = new Promise((done) => this.#child.once('exit', done))
  }

  /** Resolves once it has told this, among what came from `since` on. Throws if it ends before. */
  async tells(line: string, since = 0): Promise<void> {
    await until(() => this.told.indexOf(line, since) >= 0 || this.#isOver, 60_000).catch(() => {})
    if (this.told.indexOf(line, since) >= 0) return
    throw new Error(`the process has not told "${line}" but: ${this.told.slice(-8).join(', ')}`)
  }

  /** Stops it where it is; its sockets stay open, and the kernel takes what comes. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    if (!this.#isOver) this.#child.kill('SIGKILL')
    await this.#exited
  }

  async close(): Promise<void> {
    this.#child.send('close')
    await this.#exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }

  get #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}
