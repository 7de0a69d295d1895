import { DbsyncError, isDbsyncError } from '../core/errors.ts'

/** The error for bytes that do not fit the type in the contract; never tells the value. */
export function undecodable(place: string, pgType: string, found: string, remedy?: string): DbsyncError {
  return new DbsyncError(
    'CHANGES.UNDECODABLE_VALUE',
    `${place}: found ${found}; need a value of ${pgType} that Prisma Client can show. ` +
      (remedy ?? 'Run `prisma generate` if the column has changed its type, else correct the row.'),
    { details: { place, pgType } },
  )
}

/**
 * The error for a value that is of its type and that no value of the client can stand for: `infinity` as a Date, a NULL
 * inside a list. It is thrown where the value is shown, never where it is read off the wire; never tells the value.
 */
export function unshowable(
  place: string,
  pgType: string,
  found: string,
  remedy = 'Correct the row, or leave the column out of what reads it.',
): DbsyncError {
  const { code, message, details } = undecodable(place, pgType, found, remedy)
  return new DbsyncError(code, message, { details: { ...details, isUnshowable: true } })
}

/** Whether an error is one of {@link unshowable}: reading the schema anew would not help. */
export function isUnshowable(error: unknown): boolean {
  return isDbsyncError(error) && error.details['isUnshowable'] === true
}

/** The error for a public value that is not of the column's type, for example in a key given to `get`. */
export function unfit(place: string, need: string, value: unknown): DbsyncError {
  return new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `${place}: got ${value === null ? 'null' : typeof value}; need ${need}. Pass the value as Prisma Client returns it.`,
    { details: { place } },
  )
}
