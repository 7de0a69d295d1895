import { DbsyncError, isDbsyncError } from '../core/errors.ts'

/** What Postgres answers instead of a value, by SQLSTATE. */
const MEANINGS = {
  '0A000': 'a value that the wanted type has no counterpart for',
  '22003': 'a number out of the range of its type',
  '22008': 'a date or time out of range',
  '22011': 'a negative length of a substring',
  '22012': 'a division by zero',
  '22025': 'a pattern that ends with its escape character',
  '22P02': 'a text that is no value of the wanted type',
} as const

/** The errors that expressions end with. */
export type EvaluationState = keyof typeof MEANINGS

/** The error for an expression that has no value for a row, as it has none in Postgres; never tells the row's values. */
export function evaluationError(sqlState: EvaluationState): DbsyncError {
  return new DbsyncError(
    'VIEW.EVALUATION',
    `found ${MEANINGS[sqlState]} (SQLSTATE ${sqlState}) in an expression; need rows for which it has a value, as the view's ` +
      'SQL does. Correct the row, or guard the expression with caseWhen.',
    { details: { sqlState } },
  )
}

/** The error with its place, `view.select.name`, if it is one of {@link evaluationError} and has none yet; else as it is. */
export function placeEvaluationError(error: unknown, place: string): unknown {
  if (!isDbsyncError(error, 'VIEW.EVALUATION') || 'place' in error.details) return error
  return new DbsyncError('VIEW.EVALUATION', `${place}: ${error.message}`, {
    details: { ...error.details, place },
  })
}
