/** Counts what a reading has brought and how fast. Its clock stands still while the reading is paused. */
export class ReadMeter {
  readonly #estimatedRows: number | null
  #rows = 0
  /** When the clock began to run; null while it stands. */
  #sinceMs: number | null = null
  #elapsedMs = 0
  #isEnded = false

  constructor(estimatedRows: number | null) {
    this.#estimatedRows = estimatedRows
  }

  get rows(): number {
    return this.#rows
  }

  /** Rows a second while the clock ran; null before there is a figure. */
  get rowsPerSecond(): number | null {
    const ms = this.#elapsedMs + (this.#sinceMs === null ? 0 : performance.now() - this.#sinceMs)
    return this.#rows === 0 || ms === 0 ? null : Math.round((this.#rows / ms) * 1000)
  }

  /** About how long the rest takes, in milliseconds; null if nobody knows how many rows there are. */
  get etaMs(): number | null {
    if (this.#isEnded) return 0
    const rate = this.rowsPerSecond
    if (this.#estimatedRows === null || rate === null || rate === 0) return null
    return Math.round((Math.max(0, this.#estimatedRows - this.#rows) / rate) * 1000)
  }

  /** Starts the clock, or starts it again. */
  begin(): void {
    this.#sinceMs ??= performance.now()
  }

  /** Stops the clock. */
  pause(): void {
    if (this.#sinceMs !== null) this.#elapsedMs += performance.now() - this.#sinceMs
    this.#sinceMs = null
  }

  note(rows: number): void {
    this.#rows += rows
  }

  end(): void {
    this.pause()
    this.#isEnded = true
  }
}
