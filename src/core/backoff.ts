/** Waiting times between attempts, in milliseconds: full jitter under a doubling ceiling, 0.1 s to 10 s. */
export class Backoff {
  #attempt = 0
  readonly #baseMs: number
  readonly #maxMs: number

  constructor(baseMs = 100, maxMs = 10_000) {
    this.#baseMs = baseMs
    this.#maxMs = maxMs
  }

  get attempts(): number {
    return this.#attempt
  }

  /** The next wait. Never under half the ceiling's first step, so that a failing server is not hammered. */
  nextMs(): number {
    const ceiling = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#attempt)
    this.#attempt += 1
    return Math.max(this.#baseMs / 2, Math.random() * ceiling)
  }

  reset(): void {
    this.#attempt = 0
  }
}

/** Waits; rejects with the signal's reason if that comes first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(
        signal?.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal?.reason }),
      )
    }
    if (signal?.aborted === true) {
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason }))
      return
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
