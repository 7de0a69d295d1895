import { DbsyncError } from '../src/core/errors.ts'

/** Something that stops the generator: where it is, what it is, and what the user does about it. */
export interface Problem {
  readonly code: 'GENERATOR.INVALID_OPTIONS' | 'GENERATOR.UNSUPPORTED_SCHEMA'
  /** `Model.field`, or `generator dbsync`. */
  readonly where: string
  readonly found: string
  readonly fix: string
}

/** Collects problems over all steps, so that the user sees every one of them at once, and notes. */
export interface Report {
  readonly problems: Problem[]
  readonly notes: string[]
}

/** An empty report. */
export function createReport(): Report {
  return { problems: [], notes: [] }
}

/** Throws one error that lists every problem, if there is one. The code is that of the first. */
export function throwProblems(report: Report): void {
  const first = report.problems[0]
  if (first === undefined) return
  const lines = report.problems.map(({ where, found, fix }) => `  ${where}: ${found}\n    ${fix}`)
  throw new DbsyncError(
    first.code,
    `DBSync cannot generate from this schema (${report.problems.length} ` +
      `${report.problems.length === 1 ? 'problem' : 'problems'}):\n\n${lines.join('\n')}\n`,
    { details: { problems: report.problems } },
  )
}
