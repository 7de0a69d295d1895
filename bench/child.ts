import { execFile, fork, type ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { ChildMessage, Pauses, SideRun } from './child-message.ts'
import type { EngineRun } from './core/run-engine.ts'
import { onInterrupt } from './on-interrupt.ts'

const ROOT = resolve(import.meta.dirname, '..')
const OUTPUT = join(ROOT, '.tmp/bench')

/**
 * Compiles the sides and our sources with tsc, as they are published. Run from the sources by tsx they would be slower: it makes
 * every closure with a name of its own.
 */
export async function buildChildren(): Promise<void> {
  await mkdir(OUTPUT, { recursive: true })
  // Here the package's own name means these files.
  const manifest = { name: 'prisma-dbsync', type: 'module', exports: { '.': './src/index.js' } }
  await writeFile(join(OUTPUT, 'package.json'), JSON.stringify(manifest))
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  await promisify(execFile)(tsc, ['-p', join(ROOT, 'bench/tsconfig.children.json')])
}

type MessageOf<Kind extends ChildMessage['kind']> = Extract<ChildMessage, { readonly kind: Kind }>

/** One side of a bench in a process of its own. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #exited: Promise<void>
  #messages: ChildMessage[] = []
  #wake: () => void = () => {}
  #isOver = false

  /** Starts a file of `bench/children`; call `buildChildren` before. */
  constructor(name: string, args: readonly string[], execArgv: readonly string[] = []) {
    this.#process = fork(join(OUTPUT, `bench/children/${name}.js`), [...args], {
      execArgv: ['--enable-source-maps', ...execArgv],
    })
    this.#process.on('message', (message) => {
      this.#messages.push(message as ChildMessage)
      this.#wake()
    })
    const forget = onInterrupt(() => this.#process.kill('SIGKILL'))
    this.#exited = new Promise((done) => {
      this.#process.on('exit', () => {
        this.#isOver = true
        forget()
        this.#wake()
        done()
      })
    })
  }

  /** Resolves when the side has said that it is so far. Throws if it ends before. */
  async reaches(kind: 'live' | 'waiting'): Promise<void> {
    await this.#receive(kind)
  }

  /** Resolves with what the side has measured. Throws if it ends without. */
  async run(): Promise<SideRun> {
    return (await this.#receive('done')).run
  }

  /** Resolves with the times that the side has noted. Throws if it ends without. */
  async times(): Promise<readonly number[]> {
    return (await this.#receive('times')).times
  }

  /** Resolves with what an engine did. Throws if the side ends without. */
  async engineRun(): Promise<EngineRun> {
    return (await this.#receive('engine')).run
  }

  /** Resolves with how long small transactions took. Throws if the side ends without. */
  async pauses(): Promise<Pauses> {
    return (await this.#receive('pauses')).pauses
  }

  /** Resolves with the numbers that the side has measured. Throws if it ends without. */
  async figures(): Promise<Readonly<Record<string, number>>> {
    return (await this.#receive('figures')).figures
  }

  /** Stops the process where it is; it uses no CPU until `resume`. */
  suspend(): void {
    this.#process.kill('SIGSTOP')
  }

  resume(): void {
    this.#process.kill('SIGCONT')
  }

  /** Resolves when the process has ended by itself. */
  async ended(): Promise<void> {
    await this.#exited
    if (this.#process.exitCode !== 0) throw new Error('a side of the bench failed; it says why above')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) this.#process.kill('SIGKILL')
    await this.#exited
  }

  async #receive<Kind extends ChildMessage['kind']>(kind: Kind): Promise<MessageOf<Kind>> {
    for (;;) {
      const found = this.#messages.find((message): message is MessageOf<Kind> => message.kind === kind)
      if (found !== undefined) return found
      if (this.#isOver) throw new Error(`a side of the bench ended before it was ${kind}; it says why above`)
      await new Promise<void>((done) => {
        this.#wake = done
      })
    }
  }
}
