import { expect, test } from 'vitest'
import { lte } from '../../../src/views/build/comparisons.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { nowMinus } from '../../../src/views/build/moving-time.ts'
import { explain } from '../../../src/views/explain/explain.ts'
import { Item } from '../../conformance/item.ts'

test('a moving time bound is explained as a step of its own', () => {
  const view = defineView('old', (q) =>
    q
      .from({ i: Item })
      .where(({ i }) => lte(i.zoned, nowMinus({ days: 1, seconds: 0.5 })))
      .select(({ i }) => ({ id: i.id })),
  )
  const { steps, changes } = explain(view)
  expect(steps.map(({ kind, from, where, state }) => ({ kind, from, where, bytes: state.bytes }))[0]).toEqual(
    {
      kind: 'time',
      from: ['Item'],
      where: ['zoned <= now - 86400.5 seconds'],
      bytes: 17,
    },
  )
  expect(changes).toMatchObject([{ name: 'Item', steps: ['#1', 'old'], cost: 'O(log n)' }])
  expect(String(explain(view))).toContain('a row for each row that it is given, within the bound or not')
})
