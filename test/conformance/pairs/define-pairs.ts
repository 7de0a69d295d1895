import { isDbsyncError, type DbsyncError } from '../../../src/core/errors.ts'
import { compileViews } from '../../../src/views/compile/compile.ts'
import type { ViewDefinition } from '../../../src/views/define-view.ts'
import type { Choice } from './axes.ts'
import { viewOf } from './define-spec.ts'
import type { History } from './history.ts'
import { makeQuery } from './make-query.ts'
import { NothingToChoose, type Random } from './random.ts'
import type { QuerySpec } from './spec.ts'
import { schema } from './world.ts'

/** A query that does not answer as the server over a history. */
export interface FailedPair {
  readonly spec: QuerySpec
  readonly history: History
  readonly found: readonly string[]
}

/** A query and the view that it defines. */
export interface Defined {
  readonly choice: Choice | null
  readonly spec: QuerySpec
  readonly view: ViewDefinition
}

/** How often what was refused, by code and reason without the names in it. */
export class Refusals {
  readonly byReason = new Map<string, number>()
  /** Queries that the engine could not compile and did not refuse. */
  readonly crashes: FailedPair[] = []
  accepted = 0

  get refused(): number {
    return [...this.byReason.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Reasons with how often each was given, the most frequent first. */
  get table(): string {
    return [...this.byReason]
      .toSorted(([, a], [, b]) => b - a)
      .map(([reason, count]) => `${count} x ${reason}`)
      .join('\n')
  }

  note(error: unknown): void {
    if (!isRefusal(error)) throw error
    const reason = `${error.code} ${error.message.replace(/^[^:]*: /, '').replaceAll(/"[^"]*"|\b\w+\.\w+\b|\d+/g, '…')}`
    this.byReason.set(reason, (this.byReason.get(reason) ?? 0) + 1)
  }
}

function isRefusal(error: unknown): error is DbsyncError {
  return isDbsyncError(error) && /^VIEW\.(NOT_EXACT|UNSUPPORTED|INVALID_DEFINITION)$/.test(error.code)
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/**
 * A view with the chosen features; what is refused on the way is noted. Null if nothing came after many attempts.
 * `hasRows` tells whether it shows anything of some typical rows: it is preferred, since an empty view proves little.
 */
export async function definePair(
  random: Random,
  name: string,
  choice: Choice,
  refusals: Refusals,
  hasRows: (view: ViewDefinition) => Promise<boolean>,
): Promise<Defined | null> {
  let looks = 3
  for (let attempt = 0; attempt < 16; attempt += 1) {
    try {
      const spec = makeQuery(random, choice)
      const view = viewOf(name, spec)
      if (looks > 0 && !(await hasRows(view))) {
        looks -= 1
        continue
      }
      if (!keeps(view, spec, refusals)) continue
      refusals.accepted += 1
      return { choice, spec, view }
    } catch (error) {
      if (!(error instanceof NothingToChoose)) refusals.note(error)
    }
  }
  return null
}

/** Whether the engine keeps a view; what it throws beside a refusal is a fault, and noted. */
function keeps({ ir }: ViewDefinition, spec: QuerySpec, refusals: Refusals): boolean {
  try {
    compileViews(schema, [ir])
    return true
  } catch (error) {
    if (isRefusal(error)) refusals.note(error)
    else refusals.crashes.push({ spec, history: [], found: [textOf(error)] })
    return false
  }
}
