import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../src/core/errors.ts'
import { defineView, type ViewDefinition } from '../../src/views/define-view.ts'
import { columnRef, computed, type Expression } from '../../src/views/build/expression.ts'
import type { CallName } from '../../src/views/view-ir.ts'
import { feed, insertion, readItems } from '../conformance/item-rows.ts'
import { DDL, Item, schema } from '../conformance/item.ts'
import { Mirror } from '../conformance/mirror.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'

/*
 * Functions inside functions, of all types: what each is given is what another one made, so types, scales, collations and
 * parentheses of the SQL must fit together. Where the SQL has an error, the view must have one.
 */

type Kind = 'int' | 'dec' | 'dbl' | 'text' | 'bool' | 'date'

const call = (name: CallName, ...args: unknown[]): unknown => computed(name, args)
const column = (...names: readonly string[]): fc.Arbitrary<unknown> =>
  fc.constantFrom(...names).map((name) => columnRef('i', name))

const { int, dec, dbl, text, bool, date } = fc.letrec<Record<Kind, unknown>>((tie) => {
  const [i, n, d] = [tie('int'), tie('dec'), tie('dbl')] as const
  const [t, b, day] = [tie('text'), tie('bool'), tie('date')] as const
  const of = (name: CallName, ...args: readonly unknown[]): fc.Arbitrary<unknown> =>
    fc
      .tuple(...args.map((arg) => (arg instanceof fc.Arbitrary ? arg : fc.constant(arg))))
      .map((values) => call(name, ...values))
  const orConstant = (value: unknown, ...constants: readonly unknown[]): fc.Arbitrary<unknown> =>
    fc.oneof(value as fc.Arbitrary<unknown>, fc.constantFrom(...constants))
  const small = orConstant(i, 0, 1, 2, 7, -3)
  const decimal = orConstant(n, 0.5, 1.25, 3)
  const words = orConstant(t, 'a', '', 'é%', 'AB')
  const choice = (value: unknown): readonly fc.Arbitrary<unknown>[] => [
    of('coalesce', value, value),
    of('case', b, value, value),
    of('case', b, value),
    of('nullif', value, value),
  ]
  // Leaves first: they are what is left at the greatest depth.
  const kind = (
    leaf: fc.Arbitrary<unknown>,
    ...nodes: readonly fc.Arbitrary<unknown>[]
  ): fc.Arbitrary<unknown> =>
    fc.oneof({ maxDepth: 4, depthSize: 'small', withCrossShrink: true }, leaf, ...nodes)
  return {
    int: kind(
      column('small', 'int', 'id'),
      ...choice(i),
      of('add', i, small),
      of('subtract', i, small),
      of('multiply', i, small),
      of('modulo', i, 3),
      of('divide', i, of('nullif', i, 0)),
      of('abs', i),
      of('negate', i),
      of('length', t),
      of('datePart', fc.constantFrom('year', 'month', 'week', 'isodow', 'doy'), day),
      of('cast', n, 'integer'),
      of('cast', b, 'integer'),
      of('arrayLength', column('numbers', 'words')),
    ),
    dec: kind(
      column('amount', 'wide', 'free'),
      ...choice(n),
      of('add', n, decimal),
      of('subtract', n, i),
      of('multiply', n, decimal),
      of('divide', n, of('nullif', n, 0)),
      of('divide', n, 3),
      of('round', n, fc.constantFrom(0, 2, 5)),
      of('floor', n),
      of('ceil', n),
      of('coalesce', n, i),
      of('cast', i, 'numeric(14,3)'),
      of('cast', d, 'numeric'),
    ),
    dbl: kind(
      column('dbl', 'real'),
      of('coalesce', d, i),
      of('case', b, d, d),
      of('add', d, d),
      of('multiply', d, orConstant(i, 0.5, 2)),
      of('floor', d),
      of('round', d),
      of('abs', d),
      of('cast', n, 'double precision'),
    ),
    text: kind(
      column('text', 'name'),
      ...choice(t),
      of('concat', t, words),
      of('upper', t),
      of('lower', t),
      of('trim', t),
      of('substring', t, small),
      of('substring', t, fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, 3)),
      of('replace', t, words, words),
      of('cast', i, 'text'),
      of('cast', n, 'text'),
      of('cast', column('mood', 'uid'), 'text'),
    ),
    bool: kind(
      column('flag'),
      of('coalesce', b, b),
      of('case', b, b, b),
      of('and', b, b),
      of('or', b, b),
      of('not', b),
      of('isNull', fc.oneof(i, n, d, t, day)),
      ...(['eq', 'ne', 'lt', 'gte', 'isDistinctFrom', 'isNotDistinctFrom'] as const).flatMap((name) => [
        of(name, i, small),
        of(name, n, i),
        of(name, d, fc.oneof(i, n, d)),
        of(name, t, words),
        of(name, day, day),
      ]),
      of('inArray', i, 1, 2, 7),
      of('inArray', t, 'a', 'b'),
      of('like', t, fc.constantFrom('a%', '%b_', '%é%', '')),
      of('ilike', t, fc.constantFrom('A%', '%É%')),
      of('startsWith', t, words),
      of('arrayContains', column('numbers'), i),
      of('arrayContains', column('words'), t),
      of('cast', i, 'boolean'),
    ),
    date: kind(
      column('day'),
      of('coalesce', day, day),
      of('case', b, day, day),
      of('dateTrunc', fc.constantFrom('year', 'month', 'week'), day),
      of('cast', column('at', 'zoned'), 'date'),
    ),
  }
})

const expressions = fc.oneof(int, dec, dbl, text, bool, date) as fc.Arbitrary<Expression<unknown>>

/** A view that selects a value, or one that asks for it; undefined: it is refused, as a mix of kinds may be. */
function viewOf(name: string, value: Expression<unknown>, isAsked: boolean): ViewDefinition | undefined {
  try {
    return isAsked
      ? defineView(name, (q) =>
          q
            .from({ i: Item })
            .where(() => computed<boolean>('isNotNull', [value]))
            .select(({ i }) => ({ id: i.id })),
        )
      : defineView(name, (q) => q.from({ i: Item }).select(({ i }) => ({ id: i.id, value })))
  } catch (error) {
    if (isDbsyncError(error) && error.code.startsWith('VIEW.')) return undefined
    throw error
  }
}

const COUNT = process.env['SOAK'] === '1' ? 20_000 : 300

test('functions inside functions answer as the server', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(TEXT_SETTINGS)
  await client.query(DDL)
  const seed = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
  await client.query(insertion(seed, 0, 8))
  const rows = await readItems(client)
  const values = fc.sample(expressions, { numRuns: COUNT, seed })
  const differences: string[] = []
  let compared = 0
  let failed = 0
  for (const [index, value] of values.entries()) {
    const view = viewOf(`v${index}`, value, index % 4 === 0)
    if (view === undefined) continue
    const mirror = new Mirror(schema, [view.ir])
    feed(mirror, new Map(), rows)
    mirror.replica.flush()
    const state = mirror.replica.views.get(view.name)
    let shown: unknown[] | string
    try {
      shown = [...(state?.rows() ?? [])]
    } catch (error) {
      if (!isDbsyncError(error, 'VIEW.EVALUATION')) throw error
      shown = String(error.details['sqlState'])
    }
    try {
      const found = await compareView(view, typeof shown === 'string' ? [] : shown, client)
      if (typeof shown === 'string') differences.push(`${shown} where the server has an answer: ${view.sql}`)
      else differences.push(...found.map((one) => `${formatDifference(one)} of ${view.sql}`))
      compared += 1
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
      // Of several errors of several rows, the server may come to another one first.
      if (typeof shown !== 'string')
        differences.push(`an answer where the server has ${String(error.code)}: ${view.sql}`)
      failed += 1
    }
  }
  expect(differences.slice(0, 5), `seed ${seed}`).toEqual([])
  expect(compared).toBeGreaterThan(COUNT / 2)
  expect(failed).toBeGreaterThan(0)
}, 600_000)
