/** A success that lasted so long ends the series of attempts. */
const STEADY_MS = 5_000

/** Waiting times between attempts, in milliseconds: full jitter under a doubling ceiling, 0.1 s to 10 s. */
export class Backoff {
  #attempt = 0
  #successMs = Number.POSITIVE_INFINITY
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
    if (performance.now() - this.#successMs > STEADY_MS) this.#attempt = 0
    this.#successMs = Number.POSITIVE_INFINITY
    const ceiling = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#attempt)
    this.#attempt += 1
    return Math.max(this.#baseMs / 2, Math.random() * ceiling)
  }

  /** An attempt succeeded. The waits begin anew once that has lasted: what dies as soon as it lives is not tried at once. */
  noteSuccess(): void {
    this.#successMs = performance.now()
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
