/** Where a command reads its surroundings and writes what it has to say. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Whether a person sees the output, in colours. */
  readonly isColoured: boolean
  /** Writes one line of output; resolves when there is room for more. */
  print(line: string): Promise<void>
  /** Writes one line beside the output: progress, advice, errors. */
  note(line: string): void
  /** Aborted by Ctrl-C, SIGTERM, or when nobody reads the output any more. Asking for it takes the signals over. */
  interrupt(): AbortSignal
}
