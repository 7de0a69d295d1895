import { DbsyncError } from '../../../src/core/errors.ts'
import * as aggregates from '../../../src/views/build/aggregates.ts'
import * as comparisons from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import * as logic from '../../../src/views/build/logic.ts'
import { nest } from '../../../src/views/build/nest.ts'
import * as order from '../../../src/views/build/order.ts'
import type { Problem } from '../../../src/views/check/problems.ts'
import * as sets from '../../../src/views/build/set-operations.ts'

/** The builder as plain JavaScript sees it: what the types refuse must be refused at run time too. */
export type Refs = Readonly<Record<string, Readonly<Record<string, unknown>>>>
type Loose = (argument?: unknown, callback?: unknown) => Steps
export type Steps = Readonly<
  Record<
    | 'from'
    | `${'inner' | 'left' | 'right' | 'full'}Join`
    | 'where'
    | 'whereExists'
    | 'whereNotExists'
    | 'groupBy'
    | 'having'
    | 'select'
    | 'selectDistinct'
    | 'orderBy'
    | 'limit'
    | 'limitPer'
    | 'offset',
    Loose
  >
>
type LooseDefine = (name: string, build: (q: Steps) => unknown, options?: { key: string[] }) => unknown
/** `defineView` without its types. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
export const define = defineView as unknown as LooseDefine
const FUNCTIONS = { ...aggregates, ...comparisons, ...logic, ...order, ...sets, nest }
/** The functions of the builder without their types. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
export const f = FUNCTIONS as unknown as Record<
  keyof typeof FUNCTIONS,
  (...args: readonly unknown[]) => Steps
>

/** What is wrong with a view: `code path: message` each. */
export function problemsOf(
  build: (q: Steps) => unknown,
  options: { readonly name?: string; readonly key?: string[] } = {},
): readonly string[] {
  try {
    define(options.name ?? 'v', build, ...(options.key === undefined ? [] : [{ key: options.key }]))
  } catch (error) {
    if (!(error instanceof DbsyncError)) throw error
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const problems = error.details['problems'] as readonly Problem[]
    return problems.map(({ code, path, message }) => `${code} ${path}: ${message}`)
  }
  return []
}
