import type { Defined, FailedPair } from './define-pairs.ts'
import { viewOf } from './define-spec.ts'
import type { History } from './history.ts'
import type { Fault, Lab } from './lab.ts'
import { caseText, shrink } from './shrink.ts'

/** Runs views together over one history; where something throws, one by one, to tell which it is. */
export async function runPairs(
  lab: Lab,
  pairs: readonly Defined[],
  history: History,
  onState: (view: string, rows: readonly string[]) => void = () => {},
): Promise<readonly FailedPair[]> {
  const failed = async (some: readonly Defined[]): Promise<readonly FailedPair[]> => {
    const faults = await faultsOf(lab, some, history, onState)
    if (faults === null) return []
    if (some.length > 1 && typeof faults === 'string')
      return (await each(some, (pair) => failed([pair]))).flat()
    return some.flatMap(({ spec, view }) => {
      const found = typeof faults === 'string' ? [faults] : textsOf(faults, view.name)
      return found.length === 0 ? [] : [{ spec, history, found }]
    })
  }
  return failed(pairs)
}

function textsOf(faults: readonly Fault[], view: string): readonly string[] {
  return faults.flatMap((fault) =>
    fault.view === view ? [`after transaction ${fault.transaction}: ${fault.found.join('; ')}`] : [],
  )
}

/** Faults; what was thrown as a text; null where all is well. */
async function faultsOf(
  lab: Lab,
  pairs: readonly Defined[],
  history: History,
  onState: (view: string, rows: readonly string[]) => void,
): Promise<readonly Fault[] | string | null> {
  try {
    const faults = await lab.run(
      pairs.map(({ view }) => view),
      history,
      onState,
    )
    return faults.length === 0 ? null : faults
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

async function each<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await run(item))
  return results
}

/** A failed pair, cut down, in the form of a case. */
export async function explain(lab: Lab, name: string, failed: FailedPair): Promise<string> {
  const small = await shrink(failed, async ({ spec, history }) => {
    const pair = tryDefine(spec)
    return pair !== null && (await runPairs(lab, [pair], history)).length > 0
  })
  const pair = tryDefine(small.spec)
  const [again] = pair === null ? [] : await runPairs(lab, [pair], small.history)
  return [caseText(name, small), ...(again ?? failed).found, pair?.view.sql].join('\n')
}

function tryDefine(spec: FailedPair['spec']): Defined | null {
  try {
    return { choice: null, spec, view: viewOf('view', spec) }
  } catch {
    // What is refused does not fail.
    return null
  }
}
