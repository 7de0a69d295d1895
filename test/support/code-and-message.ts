import { isDbsyncError } from '../../src/core/errors.ts'

/** Code and message of the error that a call throws; `it is not refused` where it throws none. */
export function codeAndMessage(run: () => unknown): readonly [code: string, message: string] {
  try {
    run()
  } catch (error) {
    if (isDbsyncError(error)) return [error.code, error.message]
    throw error
  }
  return ['', 'it is not refused']
}
