import { expect, test } from 'vitest'
import { Mirror, type TextRow } from '../mirror.ts'
import { viewOf } from './define-spec.ts'
import type { QuerySpec } from './spec.ts'
import { models, schema } from './world.ts'

/** Rows touched by one change may not grow with the table or the group that it is in. */

/** One change of one row, on tables where everybody is in one team and has one entry. */
type Change = 'person' | 'entry'

/** For each operator a query, and the change that must stay cheap. */
const OPERATORS: readonly { readonly name: string; readonly query: QuerySpec; readonly change: Change }[] = [
  {
    name: 'where',
    change: 'person',
    query: { from: ['p', 'Person'], where: ['gt', 'p.score', { v: 1 }], select: { id: 'p.id' } },
  },
  {
    name: 'computed value',
    change: 'person',
    query: { from: ['p', 'Person'], select: { id: 'p.id', x: ['add', 'p.score', { v: 1 }] } },
  },
  {
    name: 'inner join',
    change: 'person',
    query: {
      from: ['p', 'Person'],
      joins: [{ kind: 'inner', source: ['t', 'Team'], on: ['eq', 't.id', 'p.teamId'] }],
      select: { id: 'p.id', score: 'p.score', city: 't.city' },
    },
  },
  {
    name: 'left join',
    change: 'entry',
    query: {
      from: ['p', 'Person'],
      joins: [{ kind: 'left', source: ['e', 'Entry'], on: ['eq', 'e.personId', 'p.id'] }],
      select: { id: 'p.id', line: 'e.line', pos: 'e.pos', amount: 'e.amount' },
    },
  },
  {
    name: 'left join with a further condition',
    change: 'entry',
    query: {
      from: ['p', 'Person'],
      joins: [
        {
          kind: 'left',
          source: ['e', 'Entry'],
          on: ['and', ['eq', 'e.personId', 'p.id'], ['gt', 'e.ref', 'p.score']],
        },
      ],
      select: { id: 'p.id', line: 'e.line', pos: 'e.pos', amount: 'e.amount' },
    },
  },
  {
    name: 'right join',
    change: 'entry',
    query: {
      from: ['e', 'Entry'],
      joins: [{ kind: 'right', source: ['p', 'Person'], on: ['eq', 'e.personId', 'p.id'] }],
      select: { id: 'p.id', line: 'e.line', pos: 'e.pos', amount: 'e.amount' },
    },
  },
  {
    name: 'full join',
    change: 'entry',
    query: {
      from: ['p', 'Person'],
      joins: [{ kind: 'full', source: ['e', 'Entry'], on: ['eq', 'e.personId', 'p.id'] }],
      select: { id: 'p.id', line: 'e.line', pos: 'e.pos', amount: 'e.amount' },
    },
  },
  {
    name: 'group by',
    change: 'person',
    query: {
      from: ['p', 'Person'],
      groupBy: ['p.teamId'],
      select: {
        team: 'p.teamId',
        n: { agg: 'count' },
        sum: { agg: 'sum', of: 'p.score' },
        avg: { agg: 'avg', of: 'p.score' },
        min: { agg: 'min', of: 'p.score' },
        max: { agg: 'max', of: 'p.score' },
        different: { agg: 'countDistinct', of: 'p.score' },
        any: { agg: 'boolOr', of: 'p.active' },
      },
    },
  },
  {
    name: 'having',
    change: 'person',
    query: {
      from: ['p', 'Person'],
      groupBy: ['p.teamId'],
      having: ['gt', { agg: 'sum', of: 'p.score' }, { v: 3 }],
      select: { team: 'p.teamId', n: { agg: 'count' } },
    },
  },
  {
    name: 'distinct',
    change: 'person',
    query: { from: ['p', 'Person'], select: { team: 'p.teamId', score: 'p.score' }, distinct: true },
  },
  {
    name: 'group by of a join',
    change: 'person',
    query: {
      from: ['t', 'Team'],
      joins: [{ kind: 'left', source: ['p', 'Person'], on: ['eq', 'p.teamId', 't.id'] }],
      groupBy: ['t.id', 't.city'],
      select: { id: 't.id', city: 't.city', best: { agg: 'max', of: 'p.score' } },
    },
  },
  {
    name: 'exists',
    change: 'person',
    query: {
      from: ['t', 'Team'],
      exists: [
        { source: ['p', 'Person'], on: ['and', ['eq', 'p.teamId', 't.id'], ['gt', 'p.score', { v: 1 }]] },
      ],
      select: { id: 't.id' },
    },
  },
  {
    name: 'not exists',
    change: 'entry',
    query: {
      from: ['p', 'Person'],
      exists: [
        {
          not: true,
          source: ['e', 'Entry'],
          on: ['and', ['eq', 'e.personId', 'p.id'], ['gt', 'e.ref', 'p.score']],
        },
      ],
      select: { id: 'p.id' },
    },
  },
  {
    name: 'union',
    change: 'person',
    query: {
      set: 'union',
      inputs: [
        { from: ['p', 'Person'], select: { x: 'p.score' } },
        { from: ['e', 'Entry'], select: { x: 'e.personId' } },
      ],
    },
  },
  {
    name: 'union all',
    change: 'person',
    query: {
      set: 'unionAll',
      inputs: [
        { from: ['p', 'Person'], select: { x: 'p.score' } },
        { from: ['e', 'Entry'], select: { x: 'e.personId' } },
      ],
    },
  },
  {
    name: 'intersect',
    change: 'person',
    query: {
      set: 'intersect',
      inputs: [
        { from: ['p', 'Person'], select: { x: 'p.score' } },
        { from: ['e', 'Entry'], select: { x: 'e.personId' } },
      ],
    },
  },
  {
    name: 'except',
    change: 'person',
    query: {
      set: 'except',
      inputs: [
        { from: ['e', 'Entry'], select: { x: 'e.personId' } },
        { from: ['p', 'Person'], select: { x: 'p.score' } },
      ],
    },
  },
  {
    name: 'limit',
    change: 'person',
    query: {
      from: ['p', 'Person'],
      select: { id: 'p.id', score: 'p.score' },
      order: [{ by: 'p.score', desc: true }, { by: 'p.id' }],
      limit: { count: 3, offset: 2 },
    },
  },
  {
    name: 'limit of each',
    change: 'person',
    query: {
      from: ['p', 'Person'],
      select: { id: 'p.id', score: 'p.score' },
      order: [{ by: 'p.score', desc: true }, { by: 'p.id' }],
      limit: { count: 3, per: ['p.teamId'] },
    },
  },
  {
    name: 'subquery',
    change: 'person',
    query: {
      from: [
        's',
        {
          from: ['p', 'Person'],
          groupBy: ['p.teamId', 'p.score'],
          select: { team: 'p.teamId', n: { agg: 'count' } },
        },
      ],
      groupBy: ['s.team'],
      select: { team: 's.team', most: { agg: 'max', of: 's.n' } },
    },
  },
  {
    name: 'nested rows',
    change: 'person',
    query: {
      from: ['t', 'Team'],
      select: {
        id: 't.id',
        people: {
          nest: ['p', 'Person'],
          on: ['eq', 'p.teamId', 't.id'],
          select: { id: 'p.id', score: 'p.score' },
          order: [{ by: 'p.score' }, { by: 'p.id' }],
          limit: { count: 2 },
        },
      },
    },
  },
  {
    name: 'ordered aggregate',
    change: 'person',
    query: {
      from: ['p', 'Person'],
      groupBy: ['p.teamId'],
      select: {
        team: 'p.teamId',
        all: { agg: 'arrayAgg', of: 'p.score', order: [{ by: 'p.score' }, { by: 'p.id' }] },
      },
    },
  },
]

function row(model: string, values: Readonly<Record<string, string>>): TextRow {
  const columns = models.find((item) => item.model === model)?.columns ?? []
  return Object.fromEntries(columns.map(({ field }) => [field, values[field] ?? null]))
}

const person = (id: number, score: number): TextRow =>
  row('Person', { id: String(id), teamId: '1', score: String(score), active: 't', rank: '0' })
const entry = (id: number, ref: number): TextRow =>
  row('Entry', { line: '1', pos: String(id), personId: String(id), ref: String(ref), amount: `${ref}.00` })

/** The work of some changes of single rows, on tables of so many. */
function workOf(query: QuerySpec, change: Change, rows: number): number {
  const { ir } = viewOf('view', query)
  const mirror = new Mirror(schema, [ir])
  const { replica } = mirror
  mirror.change('Team', null, row('Team', { id: '1', city: 'Bonn' }))
  for (let id = 1; id <= rows; id += 1) {
    mirror.change('Person', null, person(id, id % 7))
    mirror.change('Entry', null, entry(id, id % 5))
  }
  replica.flush()
  const before = replica.work
  for (const id of [1, 3, 5, 7]) {
    for (const value of [100, 0, -100, 2]) {
      if (change === 'person') mirror.change('Person', person(id, 0), person(id, value))
      else mirror.change('Entry', entry(id, 0), entry(id, value))
      replica.flush()
    }
  }
  return replica.work - before
}

for (const { name, query, change } of OPERATORS) {
  test(`the work of a change does not grow with the rows: ${name}`, () => {
    const few = workOf(query, change, 10)
    const many = workOf(query, change, 5_000)
    expect(few).toBeGreaterThan(0)
    // What is kept in order is found in O(log n).
    expect(many).toBeLessThanOrEqual(few * 4)
  })
}
