import { DbsyncError } from '../core/errors.ts'

/**
 * The text of a value's bytes.
 *
 * Throws: CHANGES.UNDECODABLE_VALUE if it is longer than a string can be (512 MB); Postgres holds twice as much.
 */
export function wireText(bytes: Buffer, start: number, end: number): string {
  try {
    return bytes.toString('utf8', start, end)
  } catch (cause) {
    throw new DbsyncError(
      'CHANGES.UNDECODABLE_VALUE',
      'Found a value longer than a JavaScript string can be (512 MB); need a shorter one. Correct the row, or leave the ' +
        'column out of what reads it.',
      { details: { isUnshowable: true }, cause },
    )
  }
}
