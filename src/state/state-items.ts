import { DbsyncError } from '../core/errors.ts'

/** How the places of an array are kept. */
export type ArrayKind = 'int32' | 'float64' | 'uint8'

/** Bytes of one place. */
export const PLACE_BYTES: Readonly<Record<ArrayKind, number>> = { int32: 4, float64: 8, uint8: 1 }

/**
 * One thing that was handed over: a text or a number, or an array with how many places it has, how many of them are kept, and the
 * CRC-32 of these.
 */
export type StateItem =
  | readonly ['label' | 'bigint', string]
  | readonly ['number', number]
  | readonly [ArrayKind, number, number]

/** The error of a state that cannot be used; the reason completes "the saved state … cannot be used:". */
export function unusable(file: string, reason: string): DbsyncError {
  return new DbsyncError(
    'STATE.UNUSABLE',
    `The saved state in ${file} cannot be used: ${reason}. All tables are read anew, and a new state is saved after that; nothing needs to be done.`,
    { details: { file, reason } },
  )
}
