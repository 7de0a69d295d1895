import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { copyFile, mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { runCli } from '../../src/cli/run-cli.ts'
import { until } from './faults.ts'
import { workspace, type Workspace } from './workspace.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** What one run of the command line printed, and how it ended. */
export interface CliRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that goes on until it is ended. */
export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams
  /** Lines of output so far. */
  lines(): readonly string[]
  stderr(): string
  /** Waits until so many lines are there. */
  waitForLines(count: number): Promise<void>
  waitForNote(text: string): Promise<void>
  /** How it ended. */
  readonly ended: Promise<CliRun>
}

/** Where and with what a command runs; the environment is this alone. */
export interface CliPlace {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** The package's bin, built as it is shipped, run as child processes. */
export interface Cli extends AsyncDisposable {
  run(args: readonly string[], place?: CliPlace): Promise<CliRun>
  start(args: readonly string[], place?: CliPlace): RunningCli
}

/** Builds the package into a workspace. Commands run in the project's root, where the generated contract is found. */
export async function buildCli(): Promise<Cli> {
  const space: Workspace = await workspace()
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const flags = ['--declaration', 'false', '--declarationMap', 'false', '--sourceMap', 'false']
  await promisify(execFile)(tsc, [
    '-p',
    join(ROOT, 'tsconfig.build.json'),
    '--outDir',
    join(space.path, 'dist'),
    ...flags,
  ])
  await mkdir(join(space.path, 'bin'))
  const bin = join(space.path, 'bin/prisma-dbsync.js')
  await copyFile(join(ROOT, 'bin/prisma-dbsync.js'), bin)
  await copyFile(join(ROOT, 'package.json'), join(space.path, 'package.json'))
  const start = (args: readonly string[], place: CliPlace = {}): RunningCli => {
    const child = spawn(process.execPath, [bin, ...args], { cwd: place.cwd ?? ROOT, env: { ...place.env } })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdin.end()
    let hasEnded = false
    const ended = new Promise<CliRun>((done) => {
      child.on('close', (code) => {
        hasEnded = true
        done({ code, stdout, stderr })
      })
    })
    const lines = (): readonly string[] => stdout.split('\n').slice(0, -1)
    const wait = async (condition: () => boolean): Promise<void> => {
      await until(() => condition() || hasEnded, 45_000)
      if (!condition()) throw new Error(`it ended before that\n${stdout}\n${stderr}`)
    }
    return {
      child,
      ended,
      lines,
      stderr: () => stderr,
      waitForLines: (count) => wait(() => lines().length >= count),
      waitForNote: (text) => wait(() => stderr.includes(text)),
    }
  }
  return {
    start,
    run: (args, place) => start(args, place).ended,
    [Symbol.asyncDispose]: () => space[Symbol.asyncDispose](),
  }
}

/** Runs a command line in this process, from the sources: quicker, for what needs no process of its own. */
export async function runHere(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliRun> {
  const [stdout, stderr]: [string[], string[]] = [[], []]
  const code = await runCli(args, {
    env,
    cwd: ROOT,
    isColoured: false,
    print: async (line) => void stdout.push(line),
    note: (line) => void stderr.push(line),
    interrupt: () => new AbortController().signal,
  })
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') }
}
