import { AsyncLocalStorage } from 'node:async_hooks'
import { DbsyncError } from '../core/errors.ts'
import { maxLsn, type Lsn } from '../core/lsn.ts'

/** Some commits. */
class Commits {
  /** A position at or after the end of each; null before the first. */
  last: Lsn | null = null
  /** How many there were. */
  count = 0
  /** Of how many of them nobody could tell the position. */
  unknown = 0

  note(position: Lsn | null): void {
    this.count += 1
    if (position === null) this.unknown += 1
    else this.last = maxLsn(this.last ?? position, position)
  }
}

/** All that were reported, whoever made them. */
const reported = new Commits()

/** The commits of one call of {@link trackCommits}. */
export class CommitScope {
  readonly #outer: CommitScope | null
  readonly #own = new Commits()
  readonly #start = markNow()

  /** A scope inside another is a part of it: its commits are the other's too. */
  constructor(outer: CommitScope | null) {
    this.#outer = outer
  }

  /** A position at or after the end of every commit so far; null if there was none. */
  get last(): Lsn | null {
    if (!seesBatches) this.noteSince(this.#start)
    return this.#own.last
  }

  /** Whether something was committed whose position nobody could tell. */
  get isUnknown(): boolean {
    if (!seesBatches) this.noteSince(this.#start)
    return this.#own.unknown > 0
  }

  /** Something was committed, and ends at or before the position; null: nobody could tell. */
  note(position: Lsn | null): void {
    this.#own.note(position)
    this.#outer?.note(position)
  }

  /** All that was reported since then may be of this scope. */
  noteSince({ count, unknown }: Pick<Commits, 'count' | 'unknown'>): void {
    const [more, moreUnknown] = [reported.count - count, reported.unknown - unknown]
    if (moreUnknown > 0) this.note(null)
    if (more > moreUnknown) this.note(reported.last)
  }
}

const scopes = new AsyncLocalStorage<CommitScope>()

let reporters = 0
let isInUse = false
let seesBatches = false
/** How many batches of scopes are under way. */
let batches = 0

const markNow = (): Pick<Commits, 'count' | 'unknown'> => ({
  count: reported.count,
  unknown: reported.unknown,
})

/** From now on somebody reports commits. */
export function addReporter(): void {
  reporters += 1
}

/** From now on batches come through {@link runBatch}. Until then every commit counts for every scope. */
export function seeBatches(): void {
  seesBatches = true
}

/** Whether any scope may want to know of a commit that is made here. */
export function wantsCommits(): boolean {
  return currentScope() !== null || batches > 0 || (isInUse && !seesBatches)
}

/** Something was committed here, and ends at or before the position; null: nobody could tell. */
export function noteCommit(position: Lsn | null): void {
  reported.note(position)
  currentScope()?.note(position)
}

/**
 * Runs a statement of a batch, `$transaction([…])`. Prisma Client gathers requests that begin in the same turn and runs them in the async context of
 * the first; so a batch may be committed in the scope of another request, and this one takes whatever was reported meanwhile.
 */
export async function runBatch<Result>(work: () => Promise<Result>): Promise<Result> {
  const scope = currentScope()
  if (scope === null) return work()
  const start = markNow()
  batches += 1
  try {
    const result = await work()
    scope.noteSince(start)
    return result
  } finally {
    batches -= 1
  }
}

/** The scope of whoever calls, or null outside of {@link trackCommits}. */
export function currentScope(): CommitScope | null {
  return scopes.getStore() ?? null
}

/**
 * Runs `work`, and notes the position of each commit that it makes through an adapter of {@link withCommitLsn}. Inside,
 * `view.at()` and `sync.at()` wait for the last of them, and {@link lastCommit} tells it. Inside another call it is a part of that
 * one. Returns what `work` returns.
 *
 * Calls that run at the same time are apart, with a client that has the extension of `withViews`. Without it the commits of all of them count for each, so
 * that nobody waits for too little: Prisma Client may run the batch of one request in the async context of another.
 *
 * Throws: CONFIG.INVALID_OPTIONS where no adapter was given to `withCommitLsn`; what `work` throws.
 *
 * @example
 * ```ts
 * import { trackCommits, type Sync } from 'prisma-dbsync'
 * import type { PrismaClient } from './generated/client/client.ts'
 *
 * // As a middleware, around everything that a request does.
 * export function middleware(_request: unknown, _response: unknown, next: () => void): void {
 *   trackCommits(next)
 * }
 *
 * export function rename(prisma: PrismaClient, sync: Sync, id: string, name: string): Promise<void> {
 *   return trackCommits(async () => {
 *     await prisma.restaurant.update({ where: { id }, data: { name } })
 *     await sync.at() // every view has the new name
 *   })
 * }
 * ```
 */
export function trackCommits<Result>(work: () => PromiseLike<Result>): Promise<Result>
export function trackCommits<Result>(work: () => Result): Result
export function trackCommits(work: () => unknown): unknown {
  if (reporters === 0) {
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      'trackCommits was called and no driver adapter reports commits, so views would be read too early. ' +
        'Wrap the adapter: new PrismaClient({ adapter: withCommitLsn(new PrismaPg(…)) }).',
    )
  }
  isInUse = true
  return scopes.run(new CommitScope(currentScope()), () => {
    const result = work()
    // What Prisma Client returns begins when somebody awaits it: that is to be in here.
    return isThenable(result) ? Promise.resolve(result) : result
  })
}

/**
 * A position at or after the end of every commit that the surrounding {@link trackCommits} has made so far; null if there was
 * none. With `formatLsn` and `parseLsn` it travels to other processes, which wait for it by `sync.at(position)`.
 *
 * Throws: SYNC.STATE outside of `trackCommits`; POSTGRES.QUERY_FAILED if the server could not be asked after a commit.
 *
 * @example
 * ```ts
 * import { formatLsn, lastCommit, trackCommits } from 'prisma-dbsync'
 * import type { PrismaClient } from './generated/client/client.ts'
 *
 * // What another process is to wait for, or null if nothing was written.
 * export function remove(prisma: PrismaClient, restaurantId: string): Promise<string | null> {
 *   return trackCommits(async () => {
 *     await prisma.visit.deleteMany({ where: { restaurantId } })
 *     const position = lastCommit()
 *     return position === null ? null : formatLsn(position)
 *   })
 * }
 * ```
 */
export function lastCommit(): Lsn | null {
  const scope = currentScope()
  if (scope === null) throw outsideOfScope('lastCommit()')
  if (scope.isUnknown) {
    throw new DbsyncError(
      'POSTGRES.QUERY_FAILED',
      'The server could not be asked for the position of a commit. Call at() without a position, or catchUp(): ' +
        'they wait for everything that is committed by now.',
    )
  }
  return scope.last
}

/** What a call answers that needs a scope and has none. */
export function outsideOfScope(call: string): DbsyncError {
  return new DbsyncError(
    'SYNC.STATE',
    `${call} was called outside of trackCommits, where no commits are known. Call it inside, give a position, or use catchUp().`,
  )
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
