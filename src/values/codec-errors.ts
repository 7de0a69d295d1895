import { DbsyncError } from '../core/errors.ts'

/** The error for bytes that do not fit the type in the contract; never tells the value. */
export function undecodable(place: string, pgType: string, found: string, remedy?: string): DbsyncError {
  return new DbsyncError(
    'CHANGES.UNDECODABLE_VALUE',
    `${place}: found ${found}; need a value of ${pgType} that Prisma Client can show. ` +
      (remedy ?? 'Run `prisma generate` if the column has changed its type, else correct the row.'),
    { details: { place, pgType } },
  )
}

/** The error for a public value that is not of the column's type, for example in a key given to `get`. */
export function unfit(place: string, need: string, value: unknown): DbsyncError {
  return new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `${place}: got ${value === null ? 'null' : typeof value}; need ${need}. Pass the value as Prisma Client returns it.`,
    { details: { place } },
  )
}
