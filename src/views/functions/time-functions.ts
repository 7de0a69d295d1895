import { quoteLiteral } from '../../core/quote.ts'
import type { CallIr } from '../view-ir.ts'
import type { RowFunction } from './row-function.ts'
import { baseOf } from './types.ts'

/** Why a moving time cannot stand where it was found. */
export const MISPLACED_MOVING_TIME =
  'nowMinus is one side of gt, gte, lt or lte in where, by itself or inside and, alone: elsewhere the answer would change ' +
  'with the clock, row by row. For or, join two queries by union; for not, turn the comparison round; for a condition of a ' +
  'join, filter a query in from; what is shown of the time, compute when the row is read'

/** The present, as the clock of whoever answers has it. */
export const TIME_FUNCTIONS = {
  nowMinus: {
    check: (call) => call.unsupported(MISPLACED_MOVING_TIME),
    write: (_, call) => writeMoment(call),
  },
} as const satisfies Readonly<Record<string, RowFunction>>

function writeMoment({ args: [length], type }: CallIr): string {
  const micros = BigInt(length?.kind === 'literal' ? (length.text ?? '0') : '0')
  // Seconds alone: days and months would have the length that the session's time zone gives them.
  const size = micros < 0n ? -micros : micros
  const fraction = size % MICROS === 0n ? '' : `.${String(size % MICROS).padStart(6, '0')}`
  const text = `${micros < 0n ? '-' : ''}${size / MICROS}${fraction} seconds`
  const now = baseOf(type) === 'timestamp with time zone' ? 'now()' : "(now() AT TIME ZONE 'UTC')"
  return `(${now} - INTERVAL ${quoteLiteral(text)})`
}

const MICROS = 1_000_000n
