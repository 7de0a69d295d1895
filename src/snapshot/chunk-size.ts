/** Few, since nothing is known yet of the rows' width: documents of 100 kB make 100 MB of these. */
const FIRST_ROWS = 1_000
const MIN_ROWS = 50
const MAX_ROWS = 50_000
const TARGET_MS = 150
const TARGET_BYTES = 8 * 1024 * 1024

/**
 * How many rows the next chunk asks for: as many as the last one's speed promises for 150 ms and 8 MiB.
 *
 * Short chunks hold back vacuum for a moment only, and merging one never keeps the event loop for long.
 */
export class ChunkSize {
  #rows = FIRST_ROWS

  get rows(): number {
    return this.#rows
  }

  /** Learns from a chunk that was read. */
  note(rows: number, bytes: number, ms: number): void {
    if (rows === 0) return
    const byTime = (rows * TARGET_MS) / Math.max(ms, 1)
    const byBytes = (rows * TARGET_BYTES) / Math.max(bytes, 1)
    const wanted = Math.min(byTime, byBytes, this.#rows * 2)
    this.#rows = Math.round(Math.min(MAX_ROWS, Math.max(MIN_ROWS, wanted)))
  }

  /** Asks for less after a chunk that took too long. */
  halve(): void {
    this.#rows = Math.max(MIN_ROWS, Math.floor(this.#rows / 2))
  }
}
