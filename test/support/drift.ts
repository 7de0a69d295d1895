import {
  count,
  createSync,
  defineView,
  eq,
  sum,
  type Sync,
  type SyncEvent,
  type SyncOptions,
} from 'prisma-dbsync'
import { expect } from 'vitest'
import { Restaurant, schema, User, Visit } from '../../generated/dbsync/index.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import type { TestDatabase } from './database.ts'
import { sleep, until } from './faults.ts'
import { seedExample } from './workload.ts'

/** A view for each table of the example, and one over two of them. */
export const driftViews = {
  guests: defineView('guests', (q) =>
    q.from({ u: User }).select(({ u }) => ({ id: u.id, name: u.firstName, born: u.dateOfBirth })),
  ),
  places: defineView('places', (q) =>
    q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: r.name })),
  ),
  spent: defineView('spent', (q) =>
    q
      .from({ v: Visit })
      .groupBy(({ v }) => [v.restaurantId])
      .select(({ v }) => ({
        id: v.restaurantId,
        visits: count(),
        spent: sum(v.amountSpent),
        stars: sum(v.visitRating),
      })),
  ),
  rated: defineView('rated', (q) =>
    q
      .from({ r: Restaurant })
      .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
      .groupBy(({ r }) => [r.id])
      .select(({ r, v }) => ({ id: r.id, stars: sum(v.visitRating) })),
  ),
}

/** Name of one of {@link driftViews}. */
export type DriftView = keyof typeof driftViews

/** A live sync of {@link driftViews}, with somebody who goes on writing users and restaurants. */
export interface DriftRun extends AsyncDisposable {
  readonly sync: Sync<typeof driftViews>
  readonly events: SyncEvent[]
  /** The code and message with which a view has stopped; null while it is maintained. */
  failure(view: DriftView): { readonly code: string; readonly message: string } | null
  /** Waits until another re-reading has been reported than those among the first warnings, and the sync is live. */
  reread(before: number): Promise<void>
  /** Gives the watch the time for a look or two. */
  looked(): Promise<void>
  /** Waits until a view has stopped, and returns the code. */
  stopped(view: DriftView): Promise<string>
  /** Fails unless these views are live and equal their SQL, while the writer goes on. */
  exact(...views: readonly DriftView[]): Promise<void>
  /** Warnings so far, by code. */
  warnings(): readonly string[]
  /** The views that have been reported as stopped. */
  failedEvents(): readonly string[]
}

/** Fills an empty database and starts a sync over it, which looks at the catalog ten times a second. */
export async function startDrift(
  db: TestDatabase,
  options: Partial<SyncOptions<typeof driftViews, never>> = {},
): Promise<DriftRun> {
  const client = await db.connect()
  const [{ n } = { n: 0 }] = await db.query<{ n: number }>('SELECT count(*)::int AS n FROM users')
  if (n === 0) await seedExample(client, { users: 30, restaurants: 10, visits: 200 })
  const events: SyncEvent[] = []
  const sync = createSync({
    schema,
    connection: db.url,
    views: driftViews,
    watchMs: 100,
    ...options,
    onEvent: (event) => events.push(event),
  })
  await sync.start()
  const reader = await db.connect()
  const writer = await startWriter(db)
  const failure: DriftRun['failure'] = (view) => {
    try {
      void sync.views[view].size
      return null
    } catch (error) {
      return { code: String(Reflect.get(error as object, 'code')), message: (error as Error).message }
    }
  }
  const warnings = (): string[] =>
    events.flatMap((event) =>
      event.kind === 'warning' && event.code !== 'SLOT.UNBOUNDED_WAL' ? [event.code] : [],
    )
  return {
    sync,
    events,
    failure,
    async reread(before) {
      await until(() => warnings().slice(before).includes('SNAPSHOT.RELATION_CHANGED'), 30_000)
      await sync.ready()
    },
    looked: () => sleep(150),
    async stopped(view) {
      await until(() => failure(view) !== null, 30_000)
      return failure(view)?.code ?? ''
    },
    async exact(...views) {
      const found: string[] = []
      await writer.hold(async () => {
        await sync.catchUp()
        for (const view of views) {
          if (sync.views[view].readiness !== 'live') found.push(`${view} is ${sync.views[view].readiness}`)
          else
            found.push(
              ...(await compareView(driftViews[view], sync.views[view].rows(), reader)).map(formatDifference),
            )
        }
      })
      expect(found).toEqual([])
    },
    warnings,
    failedEvents: () => events.flatMap((event) => (event.kind === 'view-failed' ? [event.view] : [])),
    async [Symbol.asyncDispose]() {
      await writer.stop()
      await sync.close()
    },
  }
}

interface Writer {
  /** Runs something while nothing is written. */
  hold(work: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

async function startWriter(db: TestDatabase): Promise<Writer> {
  const client = await db.connect()
  let isOver = false
  let held: Promise<void> | null = null
  let turn = 0
  let isWriting = false
  const run = async (): Promise<void> => {
    while (!isOver) {
      if (held !== null) await held
      turn += 1
      isWriting = true
      await client
        .query(
          `UPDATE users SET first_name = 'n${turn}' WHERE id = ${1 + (turn % 30)};
           UPDATE restaurant SET name = 'n${turn}' WHERE id = 'r${1 + (turn % 10)}'`,
        )
        // The statement is about what is being changed; the next one may fit again.
        .catch(() => {})
      isWriting = false
      await new Promise((done) => setTimeout(done, 2))
    }
  }
  const running = run()
  return {
    async hold(work) {
      let release = (): void => {}
      held = new Promise((resolve) => {
        release = resolve
      })
      await until(() => !isWriting)
      try {
        await work()
      } finally {
        held = null
        release()
      }
    },
    async stop() {
      isOver = true
      await running
    },
  }
}
