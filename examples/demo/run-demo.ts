import { setTimeout as sleep } from 'node:timers/promises'
import {
  createSync,
  formatLsn,
  type Lsn,
  type MemoryView,
  type Sync,
  type SyncEvent,
  type TableProgress,
} from 'prisma-dbsync'
import type pg from 'pg'
import { schema } from '../../generated/dbsync/index.ts'
import { compareView, type Difference } from '../../src/testing/compare-view.ts'
import { grandTotal, restaurantRating, userSpend } from '../views.ts'
import { openDatabase, PUBLICATION } from './demo-database.ts'
import { bestOf, drawLeaderboard, summarize, type Rating } from './leaderboard.ts'
import type { DemoOptions } from './options.ts'
import { bold, formatCount, type Screen } from './screen.ts'
import { seed } from './seed.ts'
import { Writers } from './writers.ts'

/** What the comparison at the end found. */
export interface Verdict {
  readonly views: number
  /** Rows of all views together, as the views show them. */
  readonly rows: number
  readonly differences: readonly Difference[]
  readonly lsn: Lsn
}

const VIEWS = { restaurantRating, userSpend, grandTotal }
const WRITERS = 6
const TERMINAL_INTERVAL_MS = 250
const PLAIN_INTERVAL_MS = 3_000
/** For so long an arrow shows that a place has changed. */
const ARROW_MS = 2_000

/**
 * The whole demo, from the empty database to the verdict; when it ends, however it ends, everything that it started is
 * stopped.
 *
 * Throws: what went wrong; the signal's reason once that is aborted.
 */
export async function runDemo(options: DemoOptions, screen: Screen, signal: AbortSignal): Promise<Verdict> {
  await using database = await openDatabase(options.url)
  signal.throwIfAborted()
  screen.line(database.description)
  await untilAborted(fill(database.client, options, screen), signal)

  await using writers = new Writers(database.url, WRITERS, {
    restaurants: Array.from({ length: options.restaurants }, (_, index) => `r${index + 1}`),
    users: Array.from({ length: options.users }, (_, index) => index + 1),
  })
  writers.start()
  await untilAborted(waitForCommits(writers, 50), signal)
  screen.line(
    `${WRITERS} writers are at work: inserts, updates, deletes, changed keys, rollbacks, savepoints`,
  )

  const showProgress = (event: SyncEvent): void => {
    if (event.kind === 'progress') {
      screen.reading({
        rows: event.tables.reduce((sum, { rows }) => sum + rows, 0),
        total: event.tables.reduce((sum, table) => sum + expectedRows(table), 0),
        interleaved: event.changes,
      })
    } else if (event.kind !== 'state') {
      screen.line(describeEvent(event))
    }
  }
  await using sync = createSync({
    schema,
    connection: database.url,
    views: VIEWS,
    publication: PUBLICATION,
    onEvent: showProgress,
  })
  const startMs = performance.now()
  try {
    await untilAborted(sync.start(), signal)
  } finally {
    screen.endReading()
  }
  screen.line(`${Object.keys(VIEWS).length} views are live after ${seconds(startMs)}\n`)

  try {
    await showLive(sync, options.seconds, screen, signal, writers)
  } finally {
    screen.endLive()
  }
  await untilAborted(writers.stop(), signal)
  const { committed, rolledBack, refused } = writers.counts
  screen.line(
    `\nThe writers have stopped: ${formatCount(committed)} transactions, ${formatCount(rolledBack)} rolled back on purpose, ` +
      `${formatCount(refused)} refused`,
  )
  return await untilAborted(compare(sync, database.client, screen), signal)
}

async function fill(client: pg.Client, options: DemoOptions, screen: Screen): Promise<void> {
  const startMs = performance.now()
  await seed(client, options)
  const { users, restaurants, visits } = options
  screen.line(
    `Filled with ${formatCount(users)} users, ${formatCount(restaurants)} restaurants, ${formatCount(visits)} visits ` +
      `in ${seconds(startMs)}`,
  )
}

async function waitForCommits(writers: Writers, count: number): Promise<void> {
  while (writers.counts.committed < count && !writers.hasFailed) await sleep(10)
}

type DemoSync = Sync<typeof VIEWS>

async function showLive(
  sync: DemoSync,
  duration: number,
  screen: Screen,
  signal: AbortSignal,
  writers: Writers,
): Promise<void> {
  const endMs = performance.now() + duration * 1_000
  let changed = 0
  const unsubscribe = sync.views.restaurantRating.subscribe(({ changes }) => {
    changed += changes.length
  })
  let former: readonly Rating[] = []
  let formerMs = 0
  try {
    for (;;) {
      const askedMs = performance.now()
      const lsn = await untilAborted(sync.catchUp(), signal)
      const lag = `lag ${(performance.now() - askedMs).toFixed(1)} ms`
      const best = bestOf(sync.views.restaurantRating.rows())
      const total = [...sync.views.grandTotal.rows()][0]
      const leftMs = endMs - performance.now()
      const figures =
        `${formatCount(writers.counts.committed)} transactions, ${formatCount(changed)} ratings changed, ` +
        `${formatCount(total?.visits ?? 0)} visits`
      screen.live(
        [
          bold('The ten best restaurants, as of every commit'),
          '',
          ...drawLeaderboard(best, former, process.stdout.columns),
          '',
          `${lag} at ${formatLsn(lsn)}; ${figures}; ${Math.max(0, Math.ceil(leftMs / 1_000))} s left`,
        ],
        `${summarize(best)}; ${lag}; ${figures}`,
      )
      if (performance.now() - formerMs >= ARROW_MS || former.length === 0) {
        former = best
        formerMs = performance.now()
      }
      if (leftMs <= 0 || writers.hasFailed) return
      const interval = screen.isTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS
      await sleep(Math.max(0, Math.min(interval, leftMs)), undefined, { signal })
    }
  } finally {
    unsubscribe()
  }
}

async function compare(sync: DemoSync, client: pg.Client, screen: Screen): Promise<Verdict> {
  const lsn = await sync.catchUp()
  screen.line(`Comparing every row of every view with its SQL on the server at ${formatLsn(lsn)}`)
  const differences: Difference[] = []
  let rows = 0
  const cells = new Map<string, MemoryView<unknown, unknown, unknown>>(Object.entries(sync.views))
  for (const [name, view] of Object.entries(VIEWS)) {
    const cell = cells.get(name)
    if (cell === undefined) throw new Error(`the sync does not have the view ${name}`)
    rows += cell.size
    differences.push(...(await compareView(view, cell.rows(), client)))
  }
  return { views: Object.keys(VIEWS).length, rows, differences, lsn }
}

/** The estimate is from before the reading; the tables change meanwhile. */
function expectedRows({ state, rows, estimatedRows }: TableProgress): number {
  return state === 'covered' ? rows : Math.max(rows, estimatedRows ?? 0)
}

function describeEvent(event: SyncEvent): string {
  switch (event.kind) {
    case 'waiting':
      return `Waiting for ${event.reason}`
    case 'warning':
      return `Warning ${event.code}: ${event.message}`
    case 'reconnecting':
      return `Reconnecting in ${Math.round(event.waitMs)} ms: ${event.error.message}`
    case 'view-failed':
      return `View ${event.view} has failed: ${event.error.message}`
    case 'failed':
      return `The sync has failed: ${event.error.message}`
    default:
      return event.kind
  }
}

function seconds(startMs: number): string {
  return `${((performance.now() - startMs) / 1_000).toFixed(1)} s`
}

/** The work's result, or the signal's reason if that comes first; the work itself is then disposed of by its owner. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
