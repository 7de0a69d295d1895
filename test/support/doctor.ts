import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import * as z from 'zod'
import type { Cli, CliRun } from './cli.ts'
import type { TestDatabase } from './database.ts'

const findingForm = z.object({
  severity: z.enum(['error', 'warning', 'note']),
  code: z.string(),
  message: z.string(),
  sql: z.array(z.string()),
})
const diagnosisForm = z.object({
  server: z.object({ version: z.number(), database: z.string(), role: z.string() }),
  findings: z.array(findingForm),
  counts: z.object({ errors: z.number(), warnings: z.number(), notes: z.number() }),
})

/** What doctor prints with `--json`. */
export type Diagnosis = z.infer<typeof diagnosisForm>

/** What doctor says as data; its exit code must agree with it. */
export async function doctor(cli: Cli, url: string, ...args: readonly string[]): Promise<Diagnosis> {
  const run = await cli.run(['doctor', '--url', url, '--json', ...args])
  expect(run.stderr).toBe('')
  const diagnosis = diagnosisForm.parse(JSON.parse(run.stdout))
  expect(run.code).toBe(diagnosis.counts.errors > 0 ? 1 : 0)
  return diagnosis
}

/** Codes of the errors. */
export const errorsOf = ({ findings }: Diagnosis): readonly string[] =>
  findings.filter(({ severity }) => severity === 'error').map(({ code }) => code)

/** A login role of its own, gone after the test, and its URL. */
export async function ownRole(
  db: TestDatabase,
  attributes = '',
): Promise<AsyncDisposable & { name: string; url: string }> {
  const name = `r_${randomBytes(6).toString('hex')}`
  await db.query(`CREATE ROLE ${name} LOGIN ${attributes} PASSWORD 'canary'`)
  return {
    name,
    url: urlAs(db, name),
    async [Symbol.asyncDispose]() {
      await db.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`)
    },
  }
}

/** The URL of a role whose password is the word that no output may hold. */
export function urlAs(db: TestDatabase, role: string): string {
  const url = new URL(db.url)
  url.username = role
  url.password = 'canary'
  return url.href
}

/** Fails unless a command ended with an error on stderr alone, without a stack and without a password. */
export function expectRefusal(run: CliRun, message: RegExp): void {
  expect(run.stderr).toMatch(message)
  expect(run).toMatchObject({ code: 1, stdout: '' })
  expect(run.stderr).not.toMatch(/\n\s+at |canary|postgres:postgres/)
}
