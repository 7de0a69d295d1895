const cleanups = new Set<() => void>()

function cleanUp(): void {
  for (const cleanup of cleanups) cleanup()
}

/**
 * Calls `cleanup` when the bench is told to end (Ctrl-C). The server only stops when nobody waits on it any more, and
 * a stopped process would wait for ever. Returns how to take it back.
 */
export function onInterrupt(cleanup: () => void): () => void {
  if (cleanups.size === 0) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, cleanUp)
  cleanups.add(cleanup)
  return () => {
    cleanups.delete(cleanup)
    if (cleanups.size === 0) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, cleanUp)
  }
}
