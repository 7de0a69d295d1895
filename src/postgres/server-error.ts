import { DbsyncError, type ErrorCode } from '../core/errors.ts'

/** The fields of an ErrorResponse that may be shown: never DETAIL, WHERE or the query, which hold row values. */
export interface ServerErrorFields {
  readonly sqlState: string
  readonly severity: string
  readonly message: string
  readonly routine?: string
}

/**
 * Gives a server error its code. Decided by SQLSTATE alone; whoever knows the state of slot and
 * publication refines it (message texts differ between majors and languages).
 */
export function serverError(error: unknown, doing: string): DbsyncError {
  if (error instanceof DbsyncError) return error
  const sqlState = stringField(error, 'code') ?? 'unknown'
  const message = stringField(error, 'message') ?? String(error)
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
  if (sqlState.startsWith('57P') || sqlState.startsWith('08') || sqlState === 'unknown') {
    return 'POSTGRES.CONNECTION_LOST'
  }
  return 'POSTGRES.QUERY_FAILED'
}

function stringField(error: unknown, name: string): string | undefined {
  if (typeof error !== 'object' || error === null || !(name in error)) return undefined
  const value: unknown = Reflect.get(error, name)
  return typeof value === 'string' ? value : undefined
}
