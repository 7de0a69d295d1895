import { formatLsn } from 'prisma-dbsync'
import { formatDifference } from '../../src/testing/compare-view.ts'
import { HELP, parseOptions } from './options.ts'
import { runDemo, type Verdict } from './run-demo.ts'
import { createScreen } from './screen.ts'

const SHOWN_DIFFERENCES = 10
const CLEANUP_MS = 20_000
const INTERRUPTED = 130

/** Aborted by Ctrl-C and its like, or when nobody reads the output any more. */
function interruption(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort(new Error(signal)))
  }
  process.stdout.on('error', (error) => stop.abort(error))
  stop.signal.addEventListener('abort', () => {
    setTimeout(() => process.exit(INTERRUPTED), CLEANUP_MS).unref()
  })
  return stop.signal
}

function report({ views, rows, differences, lsn }: Verdict): number {
  for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) console.log(formatDifference(difference))
  if (differences.length > SHOWN_DIFFERENCES)
    console.log(`and ${differences.length - SHOWN_DIFFERENCES} more`)
  const verb = differences.length === 0 ? 'verified' : 'NOT verified'
  console.log(`${verb}: ${views} views, ${rows} rows, ${differences.length} differences at ${formatLsn(lsn)}`)
  return differences.length === 0 ? 0 : 1
}

async function main(): Promise<number> {
  let options
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${HELP}`)
    return 2
  }
  if (options === 'help') {
    console.log(HELP)
    return 0
  }
  const signal = interruption()
  try {
    return report(await runDemo(options, createScreen(process.stdout), signal))
  } catch (error) {
    if (signal.aborted) {
      console.error('Stopped; nothing is left behind.')
      return INTERRUPTED
    }
    console.error(`The demo has failed: ${messageOf(error)}`)
    return 1
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`
}

process.exitCode = await main()
