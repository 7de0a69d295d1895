import type { CallName } from '../view-ir.ts'
import { CAST_FUNCTIONS } from './cast-functions.ts'
import { COMPARISON_FUNCTIONS } from './comparison-functions.ts'
import { CONDITIONAL_FUNCTIONS } from './conditional-functions.ts'
import { DATE_FUNCTIONS } from './date-functions.ts'
import { LIST_FUNCTIONS } from './list-functions.ts'
import { LOGIC_FUNCTIONS } from './logic-functions.ts'
import { NUMBER_FUNCTIONS } from './number-functions.ts'
import type { RowFunction } from './row-function.ts'
import { TEXT_FUNCTIONS } from './text-functions.ts'
import { TIME_FUNCTIONS } from './time-functions.ts'

/** Every function of a row: how it is checked and how its SQL is written. */
export const FUNCTIONS: Readonly<Record<CallName, RowFunction>> = {
  ...LOGIC_FUNCTIONS,
  ...COMPARISON_FUNCTIONS,
  ...CONDITIONAL_FUNCTIONS,
  ...CAST_FUNCTIONS,
  ...NUMBER_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  ...DATE_FUNCTIONS,
  ...LIST_FUNCTIONS,
  ...TIME_FUNCTIONS,
}
