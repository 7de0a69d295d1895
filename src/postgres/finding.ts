import { DbsyncError, type ErrorCode } from '../core/errors.ts'

/**
 * How much a finding matters. `error`: a sync would not start, or would fail; `warning`: it runs, and something will hurt
 * one day; `note`: good to know.
 */
export type Severity = 'error' | 'warning' | 'note'

/** Codes of findings that no error has, because a sync runs with them. */
export type AdviceCode =
  | 'ADVICE.IDLE_SLOT_TIMEOUT'
  | 'ADVICE.KEY'
  | 'ADVICE.PARTIAL_OLD_ROWS'
  | 'ADVICE.PUBLICATION'
  | 'ADVICE.SENDER_TIMEOUT'
  | 'ADVICE.SLOT'
  | 'ADVICE.SUPERUSER'
  | 'ADVICE.UNIQUE'
  | 'ADVICE.WAL_UNLIMITED'

/** Something that a check of the database found, as data. */
export interface Finding {
  readonly severity: Severity
  readonly code: ErrorCode | AdviceCode
  /** What was found, what is needed, what to do. */
  readonly message: string
  /** Statements that mend it, in order, each ended by `;`. Empty where SQL alone cannot. */
  readonly sql: readonly string[]
  readonly details: Readonly<Record<string, unknown>>
}

/** A finding that keeps a sync from running. */
export interface Problem extends Finding {
  readonly severity: 'error'
  readonly code: ErrorCode
}

/** What is beside code and message of a finding. */
export interface FindingParts {
  readonly sql?: readonly string[]
  readonly details?: Readonly<Record<string, unknown>>
}

/** Makes a finding that keeps a sync from running. */
export function problem(code: ErrorCode, message: string, parts: FindingParts = {}): Problem {
  return { severity: 'error', code, message, sql: parts.sql ?? [], details: parts.details ?? {} }
}

/** Makes a finding of less weight. */
export function advice(
  severity: 'warning' | 'note',
  code: ErrorCode | AdviceCode,
  message: string,
  parts: FindingParts = {},
): Finding {
  return { severity, code, message, sql: parts.sql ?? [], details: parts.details ?? {} }
}

/** Throws the first problem; its message carries the others too. Throws: the problem's code. */
export function assertNoFindings(findings: readonly Problem[]): void {
  const [first, ...others] = findings
  if (first === undefined) return
  const rest = others.map((finding) => `\n- ${finding.code}: ${finding.message}`).join('')
  throw new DbsyncError(first.code, others.length === 0 ? first.message : `${first.message}\nAlso:${rest}`, {
    details: { ...first.details, findings },
  })
}
