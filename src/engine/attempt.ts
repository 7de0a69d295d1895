import { Backoff, sleep } from '../core/backoff.ts'
import { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'

/**
 * What happens when a handler throws. `retry`: it is called again with growing pauses, and when its attempts are used up the
 * sync stops. `skip`: the same, but then the change is reported as `handler-skipped` and left out. `stop`: the sync stops at once.
 */
export type OnError = 'retry' | 'skip' | 'stop'

/** How often something is tried, and what then. */
export interface ErrorPolicy {
  readonly onError: OnError
  /** At least 1; Infinity never gives up. */
  readonly attempts: number
}

/** What a handler was called with: enough to find it again, and no values. */
export interface Attempted {
  /** A model's name, or the prefix of a message. */
  readonly model: string
  /** A kind of change, or `message`. */
  readonly op: string
  readonly lsn: Lsn
  /** Place in the transaction; null for a batch. */
  readonly seq: number | null
}

/** Who is told of what went wrong. */
export interface AttemptHost {
  onRetry(model: string, op: string, attempt: number, error: unknown): void
  onSkipped(skipped: Attempted & { readonly error: unknown }): void
}

/** Waits between the growing attempts of one call. */
export interface AttemptOptions {
  readonly policy: ErrorPolicy
  readonly host: AttemptHost
  readonly signal: AbortSignal
}

/**
 * Calls until it succeeds, by the policy.
 *
 * Throws: HANDLER.FAILED with the last error as its cause; the signal's reason.
 */
export async function attempt(
  call: () => unknown,
  what: () => Attempted,
  { policy, host, signal }: AttemptOptions,
): Promise<void> {
  const limit = policy.onError === 'stop' ? 1 : policy.attempts
  let backoff: Backoff | null = null
  for (let count = 1; ; count += 1) {
    try {
      await call()
      return
    } catch (error) {
      const attempted = what()
      if (count >= limit) {
        if (policy.onError !== 'skip') throw failed(attempted, count, error)
        host.onSkipped({ ...attempted, error })
        return
      }
      host.onRetry(attempted.model, attempted.op, count, error)
      backoff ??= new Backoff()
      await sleep(backoff.nextMs(), signal)
    }
  }
}

function failed({ model, op }: Attempted, attempts: number, cause: unknown): DbsyncError {
  const times = attempts === 1 ? 'once' : `${attempts} times`
  return new DbsyncError(
    'HANDLER.FAILED',
    `The ${op} handler of ${model} threw ${times} for one change (see cause). The sync stops and confirms nothing further, so ` +
      'the change comes again when it is started with a handler that works.',
    { details: { model, op, attempts }, cause },
  )
}
