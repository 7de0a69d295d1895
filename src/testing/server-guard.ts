import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A process that waits for our end. */
export interface ServerGuard {
  /** Has it end the server and remove its folder now; resolves when both are gone. */
  end(): Promise<void>
}

/** Has a server's folder removed, and the server ended, once this process is gone: also if it is killed and can do nothing itself. */
export function startGuard(folder: string): ServerGuard {
  const child = spawn(process.execPath, [guardProgram(), folder], {
    // Out of reach of what the terminal sends to all of us.
    detached: true,
    windowsHide: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    // Not what a debugger, a loader or a coverage tool wants of us.
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const ended = once(child, 'exit')
  child.unref()
  unrefPipe(child.stdin)
  return {
    async end() {
      child.ref()
      child.stdin.end()
      await ended
    },
  }
}

/** A pipe of a child keeps the process alive as the child does; its type leaves out that it need not. */
export function unrefPipe(pipe: unknown): void {
  if (pipe instanceof Socket) pipe.unref()
}

/** Plain JavaScript, so that it runs by itself where we are run from sources. */
function guardProgram(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, 'bin/test-server-guard.js')
    if (existsSync(path) || folder === dirname(folder)) return path
  }
}
