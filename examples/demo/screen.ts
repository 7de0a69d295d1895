import { styleText } from 'node:util'
import { SingleBar } from 'cli-progress'

/** How far the reading of the tables is. */
export interface ReadingProgress {
  readonly rows: number
  /** As far as it is known: the planner's estimate at first. */
  readonly total: number
  /** Transactions that the writers have committed since the reading began. */
  readonly interleaved: number
}

/** Where the demo is shown. */
export interface Screen {
  readonly isTerminal: boolean
  line(text: string): void
  reading(progress: ReadingProgress): void
  /** The reading is over, or given up. */
  endReading(): void
  /** A picture of several lines, drawn over the former one; a screen that cannot shows `summary` instead. */
  live(picture: readonly string[], summary: string): void
  /** Leaves the last picture where it is. */
  endLive(): void
}

/** The screen for a stream: redrawn in place on a terminal, else plain lines. */
export function createScreen(stream: NodeJS.WriteStream): Screen {
  return stream.isTTY ? new TerminalScreen(stream) : new PlainScreen(stream)
}

/** Bold where the terminal can. */
export function bold(text: string): string {
  return styleText('bold', text)
}

const HIDE_CURSOR = '\u001B[?25l'
const SHOW_CURSOR = '\u001B[?25h'
const CLEAR_TO_END_OF_LINE = '\u001B[K'
const CLEAR_BELOW = '\u001B[J'

class TerminalScreen implements Screen {
  readonly isTerminal = true
  readonly #stream: NodeJS.WriteStream
  #bar: SingleBar | null = null
  #height = 0

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`)
  }

  reading({ rows, total, interleaved }: ReadingProgress): void {
    if (this.#bar === null) {
      this.#bar = new SingleBar({
        stream: this.#stream,
        format:
          'Reading the tables {bar} {percentage}% of {shownTotal} rows, {interleaved} changes interleaved',
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 24,
        hideCursor: true,
        // What happens on Ctrl-C is not the bar's to decide.
        gracefulExit: false,
      })
      this.#bar.start(total, 0, { shownTotal: formatCount(total), interleaved: 0 })
    }
    this.#bar.setTotal(total)
    this.#bar.update(rows, { shownTotal: formatCount(total), interleaved: formatCount(interleaved) })
  }

  endReading(): void {
    this.#bar?.stop()
    this.#bar = null
  }

  live(picture: readonly string[]): void {
    const top = this.#height === 0 ? HIDE_CURSOR : `\u001B[${this.#height}A`
    const lines = picture.map((text) => `${text}${CLEAR_TO_END_OF_LINE}\n`).join('')
    this.#stream.write(`${top}${lines}${CLEAR_BELOW}`)
    this.#height = picture.length
  }

  endLive(): void {
    if (this.#height > 0) this.#stream.write(SHOW_CURSOR)
    this.#height = 0
  }
}

const PLAIN_READING_MS = 1_000

class PlainScreen implements Screen {
  readonly isTerminal = false
  readonly #stream: NodeJS.WriteStream
  #nextMs = 0
  /** Not shown yet. */
  #pending: ReadingProgress | null = null

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`)
  }

  reading(progress: ReadingProgress): void {
    this.#pending = progress
    if (performance.now() >= this.#nextMs) this.endReading()
  }

  endReading(): void {
    const progress = this.#pending
    if (progress === null) return
    this.#pending = null
    this.#nextMs = performance.now() + PLAIN_READING_MS
    const { rows, total, interleaved } = progress
    this.line(
      `Reading the tables: ${formatCount(rows)} of ${formatCount(total)} rows, ` +
        `${formatCount(interleaved)} changes interleaved`,
    )
  }

  live(_picture: readonly string[], summary: string): void {
    this.line(summary)
  }

  endLive(): void {}
}

/** `1 234 567`, with spaces that do not break. */
export function formatCount(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, '\u00A0')
}
