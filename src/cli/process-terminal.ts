import type { Terminal } from './terminal.ts'

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process
  const interrupted = new AbortController()
  let isListening = false
  // A reader that has seen enough (`… | head`) is no failure.
  stdout.on('error', () => interrupted.abort())
  return {
    env: process.env,
    cwd: process.cwd(),
    isColoured: stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '',
    async print(line) {
      if (interrupted.signal.aborted || stdout.write(`${line}\n`)) return
      await new Promise<void>((resolve) => {
        stdout.once('drain', resolve)
        interrupted.signal.addEventListener('abort', () => resolve(), { once: true })
      })
    },
    note(line) {
      stderr.write(`${line}\n`)
    },
    interrupt() {
      if (!isListening) {
        isListening = true
        // Once: the second Ctrl-C ends the process whatever it waits for.
        for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
      }
      return interrupted.signal
    },
  }
}
