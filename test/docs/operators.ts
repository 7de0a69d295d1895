import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Decimal } from '@prisma/client/runtime/client'
import * as dbsync from '../../src/index.ts'
import { Item } from '../conformance/item.ts'

/*
 * What `docs/operators.md` says of each function: a row of a table has the call in TypeScript, its SQL and its type. The
 * headings tell where the call stands; `t` is the table that the page describes.
 */

/** Where the calls of a heading stand in a view. */
export type Place = 'row' | 'group' | 'where'

/** One row of the page. */
export interface Operator {
  readonly place: Place
  /** TypeScript, of `t`. */
  readonly code: string
  /** The part of `view.sql` that it becomes, without the quotes of names and without the outer parentheses. */
  readonly sql: string
  /** TypeScript; the type of the value in the view's rows. */
  readonly type: string
}

/** A row of what is refused. */
export interface Refusal {
  /** TypeScript. */
  readonly code: string
  /** Where it stands: a {@link Place} in the words of the page, or a query of its own. */
  readonly place: string
  /** The code of the error. */
  readonly error: string
}

/** A whole query of the page, and all of its SQL. */
export interface Clause {
  readonly code: string
  readonly sql: string
}

const PAGE = join(resolve(import.meta.dirname, '../..'), 'docs/operators.md')

/** The view of a call, as TypeScript. */
export const VIEW_OF: Readonly<Record<Place, (code: string) => string>> = {
  row: (code) => `(q) => q.from({ t: Item }).select(({ t }) => ({ id: t.id, x: ${code} }))`,
  group: (code) =>
    `(q) => q.from({ t: Item }).groupBy(({ t }) => [t.text]).select(({ t }) => ({ text: t.text, x: ${code} }))`,
  where: (code) => `(q) => q.from({ t: Item }).where(({ t }) => ${code}).select(({ t }) => ({ id: t.id }))`,
}

/** The rows of the page, in order. */
export function readOperators(): readonly Operator[] {
  let place: Place | undefined
  const operators: Operator[] = []
  for (const line of readFileSync(PAGE, 'utf8').split('\n')) {
    if (line.startsWith('## ')) place = placeOf(line)
    if (place === undefined || !line.startsWith('| `')) continue
    const [code = '', sql = '', type = ''] = cellsOf(line)
    operators.push({ place, code, sql, type })
  }
  return operators
}

/** The rows of what is refused. */
export function readRefusals(): readonly Refusal[] {
  const [, section = ''] = readFileSync(PAGE, 'utf8').split('\n## Refused\n')
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [code = '', place = '', error = ''] = cellsOf(line)
      return { code, place, error }
    })
}

/** Defines what a row says; its SQL, if it is not refused. */
export function defineRefusal({ code, place }: Refusal): string {
  if (place === 'query') return defined(`(q) => ${code}`)
  // The builder of the page's row is `q` here too, for queries inside of conditions.
  return defined(VIEW_OF[place === 'a group' ? 'group' : place === 'where' ? 'where' : 'row'](code))
}

function placeOf(heading: string): Place | undefined {
  if (heading.includes('of a group')) return 'group'
  if (heading.includes('of a row')) return 'row'
  return heading.includes('of the time') ? 'where' : undefined
}

/** The cells of a row, without backticks. */
function cellsOf(line: string): string[] {
  const cells = line.split(/(?<!\\)\|/).slice(1, -1)
  return cells.map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|'))
}

/** The queries of the page: each block of TypeScript with the block of SQL after it. */
export function readClauses(): readonly Clause[] {
  const text = readFileSync(PAGE, 'utf8')
  return [...text.matchAll(/```ts\n([^]*?)```\n+```sql\n([^]*?)```/g)].map(([, code = '', sql = '']) => ({
    code: code.trim(),
    sql: sql.trim(),
  }))
}

/** The SQL that a row of the page becomes, written as the page writes it. */
export function sqlOf({ place, code }: Operator): string {
  const sql = defined(VIEW_OF[place](code))
  const part = place === 'where' ? /\nWHERE ([^]*)$/.exec(sql)?.[1] : /,\n  ([^]*) AS x\n/.exec(sql)?.[1]
  return withoutOuterParentheses(part ?? '')
}

/** The SQL of a query of the page, written as the page writes it. */
export function sqlOfClause({ code }: Clause): string {
  return defined(`(q) => ${code}`)
}

/** Defines a view by its code, as a program that imports it would; its SQL without quotes around names. */
function defined(code: string): string {
  const scope = { ...dbsync, Item, Decimal }
  // oxlint-disable-next-line typescript/no-implied-eval, typescript/no-unsafe-call
  const build = new Function(...Object.keys(scope), `return ${code}`)(...Object.values(scope)) as never
  return dbsync.defineView('v', build).sql.replaceAll(/"([a-z]\w*)"/g, '$1')
}

function withoutOuterParentheses(sql: string): string {
  if (!sql.startsWith('(') || !sql.endsWith(')')) return sql
  let depth = 0
  for (const [at, character] of sql.split('').entries()) {
    if (character === '(') depth += 1
    if (character === ')') depth -= 1
    if (depth === 0 && at < sql.length - 1) return sql
  }
  return sql.slice(1, -1)
}
