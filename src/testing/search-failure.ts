import type { Arbitrary } from 'fast-check'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import type { AppliedTransaction } from './apply-history.ts'
import type { Difference } from './compare-view.ts'
import { fc } from './fast-check.ts'
import { toSql, type History, type HistoryTransaction } from './history.ts'
import { smallerHistories } from './smaller-histories.ts'

/** One view that is not what its SQL answers. */
export interface Wrong {
  readonly view: string
  readonly differences: readonly Difference[]
  /** For people. */
  readonly text: string
}

/** A view that is wrong after the last transaction of a history. */
export interface Failure extends Wrong {
  readonly history: History
}

/** What makes the same failure again. */
export interface Replay {
  readonly seed: number
  readonly path: string
}

/** What the search needs of the database and the views. */
export interface HistoryRunner {
  apply(transaction: HistoryTransaction): Promise<AppliedTransaction>
  /** Deletes all rows; resolves with how. */
  empty(): Promise<HistoryTransaction>
  /** The first view that is wrong now. */
  look(): Promise<Wrong | null>
  /** Has the views made anew, since what they keep may be wrong for good. False if that cannot be done. */
  renew(): Promise<boolean>
}

/** How the search is done; without `seed` by chance. */
export interface SearchOptions {
  readonly runs: number
  readonly seed: number | undefined
  readonly path: string | undefined
}

/**
 * Looks for a history after which a view is wrong, and makes it smaller until nothing can be left out of it; null if there is none among
 * so many.
 *
 * Throws: what ends a run otherwise, a DbsyncError with the seed and the script among its details.
 */
export async function searchFailure(
  histories: Arbitrary<History>,
  runner: HistoryRunner,
  { runs, seed, path }: SearchOptions,
): Promise<(Failure & Replay) | null> {
  const search = new Search(runner)
  const property = fc.asyncProperty(histories, async (history) => !(await search.fails(history)))
  const details = await fc.check(property, {
    numRuns: runs,
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path }),
  })
  await search.makeSmaller()
  const { stopped, failure } = search
  if (stopped !== null) throw ended(stopped, details.seed)
  return failure === null ? null : { ...failure, seed: details.seed, path: details.counterexamplePath ?? '' }
}

interface Stopped {
  readonly error: unknown
  readonly history: History
}

/** The runs of one search. Each begins and ends with empty tables and views that are right over them. */
class Search {
  readonly #runner: HistoryRunner
  /** Of the last history that failed, which is the smallest so far. */
  failure: Failure | null = null
  /** What ended a run otherwise, before there was a failure: a view or a sync that has stopped tells nothing of further histories. */
  stopped: Stopped | null = null
  /** A new sync for each history takes long; so it is done for the few that leave single statements out. */
  #mayRenew = false
  /** What the run before has left. */
  #left: 'unknown' | 'good' | 'doubtful' | 'useless' = 'unknown'

  constructor(runner: HistoryRunner) {
    this.#runner = runner
  }

  /** Whether a view is wrong after one of its transactions, or when the tables are empty again. */
  async fails({ transactions }: History): Promise<boolean> {
    const done: HistoryTransaction[] = []
    try {
      if (this.#left === 'unknown') {
        await this.#runner.empty()
        if (await this.#isWrong(done)) return true
      }
      if (!(await this.#begin())) return false
      for (const next of transactions) {
        const { transaction, isCommitted } = await this.#runner.apply(next)
        done.push(transaction)
        if (isCommitted && (await this.#isWrong(done))) return true
      }
      done.push(await this.#runner.empty())
      return await this.#isWrong(done)
    } catch (error) {
      if (this.failure === null)
        this.stopped ??= {
          error,
          history: { transactions: [...done, ...transactions.slice(done.length, done.length + 1)] },
        }
      this.#left = this.failure === null ? 'useless' : 'doubtful'
      return false
    }
  }

  async #isWrong(done: readonly HistoryTransaction[]): Promise<boolean> {
    this.#left = 'good'
    const wrong = await this.#runner.look()
    if (wrong === null) return false
    this.failure = { ...wrong, history: { transactions: [...done] } }
    this.#left = 'doubtful'
    return true
  }

  /** Whether the views are fit for another run. */
  async #begin(): Promise<boolean> {
    if (this.#left === 'doubtful') {
      await this.#runner.empty()
      const isRight = await this.#runner.look().then(
        (wrong) => wrong === null,
        () => false,
      )
      if (isRight) this.#left = 'good'
      else if (this.#mayRenew) this.#left = (await this.#runner.renew()) ? 'good' : 'useless'
    }
    return this.#left === 'good'
  }

  /** Leaves out what the arbitrary could not: there one choice depends on those before it. */
  async makeSmaller(): Promise<void> {
    this.#mayRenew = true
    for (let isSmaller = true; isSmaller;) {
      isSmaller = false
      const before = this.failure
      if (before === null) return
      for (const history of smallerHistories(before.history)) {
        // Emptying the tables at the end is part of a history, too.
        isSmaller = (await this.fails(history)) && sizeOf(this.failure) < sizeOf(before)
        if (isSmaller) break
        this.failure = before
      }
    }
  }
}

function sizeOf(failure: Failure | null): number {
  return failure?.history.transactions.flatMap(({ statements }) => statements).length ?? 0
}

function ended({ error, history }: Stopped, seed: number): unknown {
  if (!isDbsyncError(error)) return error
  return new DbsyncError(error.code, `checkViews (seed ${seed}) came to an end: ${error.message}`, {
    details: { ...error.details, seed, script: toSql(history) },
  })
}
