/** After so long the event loop gets its turn. */
const MAX_TURN_MS = 20

/** Sees to it that a loop which waits for nothing does not keep timers and sockets waiting. */
export class Turn {
  #startMs = 0

  /** Whether the loop has had the thread long enough; then await {@link yield}. */
  get isOver(): boolean {
    return performance.now() - this.#startMs > MAX_TURN_MS
  }

  /** Lets everything else have its turn. */
  async yield(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#startMs = performance.now()
  }
}
