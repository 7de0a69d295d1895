import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface DemoOptions {
  /** A database of one's own; null: an embedded server. */
  readonly url: string | null
  /** How long the live table runs. */
  readonly seconds: number
  readonly users: number
  readonly restaurants: number
  readonly visits: number
}

const USERS = 10_000
const RESTAURANTS = 1_000

/** The text of `--help`. */
export const HELP = `Usage: npm run demo -- [options]

Keeps three views of examples/views.ts in memory while writers change the database, then compares
every row of every view with its SQL on the server. Exit code 0 only if there is no difference.

  --seconds N  how long the live table runs (default 15)
  --visits N   how many visits there are at the start (default 200000, at most ${USERS * RESTAURANTS})
  --url URL    a PostgreSQL database of your own, with wal_level=logical and none of the example's rows;
               what the demo creates there it drops at the end (default: an embedded PostgreSQL 18)
  --help       this text
`

/**
 * Reads the command line; `help` if it asks for that.
 *
 * Throws: an Error that says what is wrong with it.
 */
export function parseOptions(args: readonly string[]): DemoOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '15' },
      visits: { type: 'string', default: '200000' },
      url: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  return {
    url: values.url ?? null,
    seconds: wholeNumber('--seconds', values.seconds, 0, 86_400),
    users: USERS,
    restaurants: RESTAURANTS,
    visits: wholeNumber('--visits', values.visits, 0, USERS * RESTAURANTS),
  }
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new Error(`${name} ${text}: need a whole number from ${min} to ${max}`)
}
