import type * as FastCheck from 'fast-check'
import { DbsyncError } from '../core/errors.ts'

/**
 * The project's own fast-check. It is asked for when this package's test kit is loaded, so that arbitraries of the two go together; a
 * project that uses none of them need not have it.
 *
 * Throws: TESTING.NO_FAST_CHECK when something of it is used and it is not installed.
 */
export const { fc } = await load()

async function load(): Promise<{ readonly fc: typeof FastCheck }> {
  try {
    return { fc: await import('fast-check') }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    return { fc: missing() }
  }
}

function missing(): typeof FastCheck {
  const nothing: typeof FastCheck = Object.create(null)
  return new Proxy(nothing, {
    get() {
      throw new DbsyncError(
        'TESTING.NO_FAST_CHECK',
        'Random rows and histories are made by fast-check, which was not found; need version 4. Install it: npm install --save-dev fast-check.',
      )
    },
  })
}
