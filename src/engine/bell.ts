/** Wakes whoever waits for something to have changed. */
export class Bell {
  #wake: () => void = () => {}
  #rung: Promise<void>

  constructor() {
    this.#rung = this.#next()
  }

  /** Wakes everybody who waits now. */
  ring(): void {
    const wake = this.#wake
    this.#rung = this.#next()
    wake()
  }

  /** Resolves at the next ring, or after `timeoutMs`. Throws: the signal's reason once it is aborted. */
  async wait(signal: AbortSignal, timeoutMs = Infinity): Promise<void> {
    signal.throwIfAborted()
    let timer: NodeJS.Timeout | undefined
    let stop = (): void => {}
    const ended = new Promise<void>((resolve) => {
      stop = resolve
      signal.addEventListener('abort', stop, { once: true })
      if (timeoutMs !== Infinity) timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([this.#rung, ended])
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    signal.throwIfAborted()
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
