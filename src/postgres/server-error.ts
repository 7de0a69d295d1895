import { DbsyncError, isDbsyncError, type ErrorCode } from '../core/errors.ts'

/** The fields of an ErrorResponse that may be shown: never DETAIL, WHERE or the query, which hold row values. */
export interface ServerErrorFields {
  readonly sqlState: string
  readonly severity: string
  readonly message: string
  readonly routine?: string
}

/** Whether an error's code is the server's and not the operating system's (`EPIPE`). */
export function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)
}

/**
 * Classes of SQLSTATE whose messages name objects, limits and states. Those of the others (22 data exception, 23 constraint,
 * P0 RAISE, extensions') quote values of rows, and are not shown.
 */
const SHOWN_CLASSES = new Set('08 0A 25 26 28 34 3B 3D 3F 40 42 53 54 55 57 58 F0 XX'.split(' '))

/**
 * Gives a server error its code. Decided by SQLSTATE alone; whoever knows the state of slot and
 * publication refines it (message texts differ between majors and languages).
 *
 * Of the server's error only SQLSTATE and message are taken, the latter unless it may hold values of rows; never its DETAIL,
 * HINT, WHERE or query, and never the error itself as a cause.
 */
export function serverError(error: unknown, doing: string): DbsyncError {
  if (isDbsyncError(error)) return error
  const sqlState = stringField(error, 'code') ?? 'unknown'
  const message =
    isSqlState(sqlState) && !SHOWN_CLASSES.has(sqlState.slice(0, 2))
      ? "an error whose text may hold values of rows; the server's log has it"
      : (stringField(error, 'message') ?? String(error))
  const code = codeOf(sqlState)
  return new DbsyncError(
    code,
    `PostgreSQL could not ${doing}: ${message} (SQLSTATE ${sqlState}). ${ADVICE[code] ?? ''}`.trim(),
    {
      details: { sqlState, doing },
    },
  )
}

const ADVICE: Partial<Record<ErrorCode, string>> = {
  'POSTGRES.PERMISSION': 'Grant the right that is missing; the README lists the rights that DBSync needs.',
  'POSTGRES.LIMIT': 'Raise max_replication_slots or max_wal_senders, or drop slots that nobody uses.',
}

function codeOf(sqlState: string): ErrorCode {
  if (sqlState === '42501') return 'POSTGRES.PERMISSION'
  if (sqlState.startsWith('28') || sqlState === '3D000') return 'POSTGRES.AUTHENTICATION'
  if (sqlState === '53400' || sqlState === '53300') return 'POSTGRES.LIMIT'
  if (sqlState === '55006') return 'SLOT.IN_USE'
  // A code of the operating system is no answer of the server.
  if (sqlState.startsWith('57P') || sqlState.startsWith('08') || !isSqlState(sqlState)) {
    return 'POSTGRES.CONNECTION_LOST'
  }
  return 'POSTGRES.QUERY_FAILED'
}

function stringField(error: unknown, name: string): string | undefined {
  if (typeof error !== 'object' || error === null || !(name in error)) return undefined
  const value: unknown = Reflect.get(error, name)
  return typeof value === 'string' ? value : undefined
}
