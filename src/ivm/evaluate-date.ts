import {
  DATE_PARTS,
  partOfDay,
  partOfInstant,
  partOfTime,
  TRUNC_UNITS,
  type DatePart,
  type TruncUnit,
} from '../values/date-part.ts'
import { truncateDate, truncateInstant } from '../values/truncate-instant.ts'
import type { Argument, Evaluator } from './evaluate.ts'
import { strict1 } from './strict.ts'

/** `datePart(part, date or time)`. */
export function makeDatePart([unit, argument]: readonly Argument[]): Evaluator | undefined {
  const part = unit?.constant
  if (argument === undefined || !isOneOf<DatePart>(DATE_PARTS, part)) return undefined
  switch (argument.kind) {
    case 'date':
      return strict1(argument.value, (days) => partOfDay(part, Number(days)))
    case 'instant':
      return strict1(argument.value, (instant) => partOfInstant(part, instantOfValue(instant)))
    case 'time':
      return strict1(argument.value, (time) => partOfTime(part, Number(time)))
    default:
      return undefined
  }
}

/** `dateTrunc(unit, date or instant)`. */
export function makeDateTrunc([unit, argument]: readonly Argument[]): Evaluator | undefined {
  const wanted = unit?.constant
  if (argument === undefined || !isOneOf<TruncUnit>(TRUNC_UNITS, wanted)) return undefined
  switch (argument.kind) {
    case 'date':
      return strict1(argument.value, (days) => truncateDate(wanted, Number(days)))
    case 'instant':
      return strict1(argument.value, (instant) => truncateInstant(wanted, instantOfValue(instant)))
    default:
      return undefined
  }
}

function isOneOf<T extends string>(names: readonly T[], name: unknown): name is T {
  return names.some((known) => known === name)
}

function instantOfValue(value: unknown): bigint {
  return typeof value === 'bigint' ? value : 0n
}
