import { formatArrayLiteral } from '../values/array-literal.ts'
import type { ColumnTexts } from './column-texts.ts'
import { fc } from './fast-check.ts'

/** Lists of the values of a type, with and without bounds; `withNull`: with NULL among the elements, which only lists of JSON can show. */
export function listTexts({ pool, edges, random }: ColumnTexts, withNull: boolean): ColumnTexts {
  const short = edges.filter((edge) => edge.length < 200)
  const element = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...pool) },
    { weight: 1, arbitrary: fc.constantFrom(...short) },
    { weight: 3, arbitrary: random },
  )
  const items = fc.array(withNull ? fc.option(element, { freq: 5 }) : element, { maxLength: 4 })
  const bounded = (elements: readonly (string | null)[], from: number): string =>
    elements.length === 0 ? '{}' : `[${from}:${from + elements.length - 1}]=${formatArrayLiteral(elements)}`
  const [first = ''] = pool
  return {
    pool: ['{}', formatArrayLiteral([first]), formatArrayLiteral(pool.slice(0, 2))],
    edges: ['{}', bounded([first], 0), bounded([first, first], -2_147_483_647), bounded(short, 1), ...(withNull ? ['{NULL}'] : [])], // prettier-ignore
    random: fc.oneof(
      { weight: 4, arbitrary: items.map(formatArrayLiteral) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(items, fc.integer({ min: -9, max: 9 }))
          .map(([list, from]) => bounded(list, from)),
      },
    ),
  }
}
