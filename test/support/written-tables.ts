import type { Sync, SyncEvent, SyncOptions } from 'prisma-dbsync'
import type { TestDatabase } from './database.ts'
import { derivedDifferences, type Queried } from './derived-differences.ts'
import { until } from './faults.ts'
import { tap, type Tap, type TapLink, type TapMessage } from './tap.ts'
import { exampleSync, exampleViews } from './views.ts'
import { seedVisits } from './workload.ts'

/** A running sync that writes the example's views to derived tables, through a tap. */
export interface WrittenTables extends AsyncDisposable {
  readonly sync: Sync<typeof exampleViews>
  readonly events: SyncEvent[]
  readonly target: Tap
  /** Events of a kind so far. */
  of<Kind extends SyncEvent['kind']>(kind: Kind): readonly Extract<SyncEvent, { kind: Kind }>[]
  /** SQLSTATEs of the errors after which the store was tried again. */
  retried(): readonly unknown[]
  /** What differs between tables and SQL once everything has been written. */
  differences(views?: Parameters<typeof derivedDifferences>[1]): Promise<readonly string[]>
  /** Holds the next message of the store for which `isIt`; resolves when it is there. */
  hold(isIt: (message: TapMessage) => boolean): Promise<TapLink>
}

/** Starts one. `targetUrl`: of another server; `parameters`: settings of the store's sessions. */
export async function writtenTables(
  db: TestDatabase,
  options: Partial<SyncOptions> & {
    readonly targetUrl?: string
    readonly parameters?: string
    readonly reader?: Queried
  } = {},
): Promise<WrittenTables> {
  const { targetUrl = db.url, parameters, reader = db, ...others } = options
  if ((await db.query('SELECT FROM visit LIMIT 1')).length === 0) await seedVisits(db, 300)
  const target = await tap(targetUrl)
  const url = new URL(target.url)
  if (parameters !== undefined) url.searchParams.set('options', parameters)
  const { sync, events } = exampleSync(db.url, {
    tables: exampleViews,
    target: url.href,
    slot: { name: db.name },
    ...others,
  })
  const of = <Kind extends SyncEvent['kind']>(kind: Kind): Extract<SyncEvent, { kind: Kind }>[] =>
    events.filter((event): event is Extract<SyncEvent, { kind: Kind }> => event.kind === kind)
  await sync.start()
  return {
    sync,
    events,
    target,
    of,
    retried: () => of('store-retry').map(({ error }) => error.details['sqlState'] ?? error.code),
    async differences(views = Object.values(exampleViews)) {
      await sync.catchUp()
      return derivedDifferences(db, views, reader)
    },
    async hold(isIt) {
      let held: TapLink | null = null
      target.onMessage = (message, link) => {
        if (held !== null || link.name !== 'dbsync store' || !isIt(message)) return 'pass'
        held = link
        return 'hold'
      }
      await until(() => held !== null)
      if (held === null) throw new Error('nothing is held')
      return held
    },
    async [Symbol.asyncDispose]() {
      await sync.close()
      await target[Symbol.asyncDispose]()
    },
  }
}

/** Waits until the store's session waits for a lock; its process id. */
export async function waitingStore(db: TestDatabase): Promise<number> {
  let pid = 0
  await until(async () => {
    const rows = await db.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dbsync store'
       AND wait_event_type = 'Lock'`,
    )
    pid = rows[0]?.pid ?? 0
    return pid !== 0
  })
  return pid
}
