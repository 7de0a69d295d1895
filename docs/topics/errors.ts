/**
 * One error class with codes. A message says what was found, what is needed and what to do; the table at the end of this
 * page has every code.
 *
 * @module Errors
 */
export {
  DbsyncError,
  ERROR_CODES,
  isDbsyncError,
  type ErrorCode,
  type Recovery,
} from '../../src/core/errors.ts'
