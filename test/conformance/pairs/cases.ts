import type { Case } from './case.ts'
import { REFUSED } from './refused-cases.ts'

/** Always run, each over random histories and its own. */
export const CASES: readonly Case[] = [
  {
    name: 'self join',
    query: {
      from: ['a', 'Person'],
      joins: [{ kind: 'inner', source: ['b', 'Person'], on: ['eq', 'b.bossId', 'a.id'] }],
      select: { a: 'a.id', b: 'b.id', name: 'a.name', score: 'b.score' },
    },
  },
  {
    name: 'self join on another column with a residual',
    query: {
      from: ['a', 'Person'],
      joins: [
        {
          kind: 'inner',
          source: ['b', 'Person'],
          on: ['and', ['eq', 'b.teamId', 'a.teamId'], ['lt', 'a.id', 'b.id']],
        },
      ],
      select: { a: 'a.id', b: 'b.id' },
    },
  },
  {
    name: 'self left join',
    query: {
      from: ['a', 'Team'],
      joins: [{ kind: 'left', source: ['b', 'Team'], on: ['eq', 'b.id', 'a.parentId'] }],
      select: { id: 'a.id', city: 'b.city', parent: 'b.id' },
    },
  },
  {
    name: 'right join',
    query: {
      from: ['p', 'Person'],
      joins: [{ kind: 'right', source: ['t', 'Team'], on: ['eq', 'p.teamId', 't.id'] }],
      select: { p: 'p.id', t: 't.id', city: 't.city', name: 'p.name' },
    },
  },
  {
    name: 'full join without a foreign key',
    query: {
      from: ['p', 'Person'],
      joins: [{ kind: 'full', source: ['e', 'Entry'], on: ['eq', 'e.personId', 'p.id'] }],
      select: { p: 'p.id', line: 'e.line', pos: 'e.pos', note: 'e.note' },
    },
  },
  {
    name: 'full join with residuals of each side',
    query: {
      from: ['p', 'Person'],
      joins: [
        {
          kind: 'full',
          source: ['e', 'Entry'],
          on: [
            'and',
            ['eq', 'e.personId', 'p.id'],
            'e.flag',
            ['gt', 'p.rank', { v: 0 }],
            ['ne', 'e.note', 'p.name'],
          ],
        },
      ],
      select: { p: 'p.id', line: 'e.line', pos: 'e.pos', note: 'e.note' },
    },
  },
  {
    name: 'left join with residual conditions',
    query: {
      from: ['t', 'Team'],
      joins: [
        {
          kind: 'left',
          source: ['p', 'Person'],
          on: ['and', ['eq', 'p.teamId', 't.id'], ['gt', 'p.score', 't.size'], ['isNotNull', 'p.name']],
        },
      ],
      select: { t: 't.id', p: 'p.id', name: 'p.name' },
    },
  },
  {
    name: 'left join with a condition of the left side',
    query: {
      from: ['t', 'Team'],
      joins: [
        {
          kind: 'left',
          source: ['p', 'Person'],
          on: ['and', ['eq', 'p.teamId', 't.id'], ['eq', 't.city', { v: 'Bonn' }]],
        },
      ],
      select: { t: 't.id', p: 'p.id' },
    },
  },
  {
    name: 'exists',
    query: {
      from: ['p', 'Person'],
      exists: [{ source: ['a', 'Award'], on: ['eq', 'a.personId', 'p.id'] }],
      select: { id: 'p.id', name: 'p.name' },
    },
  },
  {
    name: 'exists with a residual',
    query: {
      from: ['p', 'Person'],
      exists: [
        { source: ['e', 'Entry'], on: ['and', ['eq', 'e.personId', 'p.id'], ['gt', 'e.ref', 'p.rank']] },
      ],
      select: { id: 'p.id', name: 'p.name' },
    },
  },
  {
    name: 'not exists',
    query: {
      from: ['p', 'Person'],
      exists: [{ not: true, source: ['e', 'Entry'], on: ['eq', 'e.personId', 'p.id'] }],
      select: { id: 'p.id' },
    },
  },
  {
    name: 'not exists with a residual, beside exists, grouped',
    query: {
      from: ['p', 'Person'],
      exists: [
        {
          not: true,
          source: ['e', 'Entry'],
          on: ['and', ['eq', 'e.personId', 'p.id'], ['eq', 'e.note', 'p.name']],
        },
        { source: ['t', 'Team'], on: ['eq', 't.id', 'p.teamId'] },
      ],
      groupBy: ['p.teamId'],
      select: { team: 'p.teamId', n: { agg: 'count' }, best: { agg: 'max', of: 'p.score' } },
    },
  },
  {
    name: 'in a query',
    query: {
      from: ['p', 'Person'],
      where: [
        'and',
        [
          'inArray',
          'p.teamId',
          { query: { from: ['t', 'Team'], where: ['isNotNull', 't.city'], select: { id: 't.id' } } },
        ],
        ['gte', 'p.rank', { v: 1 }],
      ],
      select: { id: 'p.id', rank: 'p.rank' },
    },
  },
  {
    name: 'having',
    query: {
      from: ['p', 'Person'],
      groupBy: ['p.teamId'],
      having: ['and', ['gt', { agg: 'count' }, { v: 1 }], ['isNotNull', 'p.teamId']],
      select: {
        team: 'p.teamId',
        score: { agg: 'sum', of: 'p.score' },
        price: { agg: 'avg', of: 'p.price' },
      },
    },
  },
  {
    name: 'having over everything',
    query: {
      from: ['p', 'Person'],
      having: ['gt', { agg: 'sum', of: 'p.rank' }, { v: 8 }],
      select: { n: { agg: 'count' }, max: { agg: 'max', of: 'p.big' } },
    },
  },
  {
    name: 'distinct',
    query: { from: ['p', 'Person'], select: { team: 'p.teamId', name: 'p.name' }, distinct: true },
  },
  {
    name: 'distinct over a join and groups',
    query: {
      from: ['p', 'Person'],
      joins: [{ kind: 'left', source: ['t', 'Team'], on: ['eq', 't.id', 'p.teamId'] }],
      groupBy: ['t.city', 'p.rank'],
      select: { city: 't.city', n: { agg: 'count' } },
      distinct: true,
    },
  },
  {
    name: 'union',
    query: {
      set: 'union',
      inputs: [
        { from: ['t', 'Team'], select: { name: 't.city', n: 't.parentId' } },
        { from: ['p', 'Person'], select: { name: 'p.name', n: 'p.score' } },
      ],
    },
  },
  {
    name: 'union all',
    query: {
      set: 'unionAll',
      inputs: [
        { from: ['t', 'Team'], select: { name: 't.city' } },
        { from: ['p', 'Person'], select: { name: 'p.name' } },
        { from: ['e', 'Entry'], select: { name: 'e.note' } },
      ],
    },
  },
  {
    name: 'intersect',
    query: {
      set: 'intersect',
      inputs: [
        { from: ['p', 'Person'], select: { name: 'p.name' } },
        { from: ['e', 'Entry'], select: { name: 'e.note' } },
      ],
    },
  },
  {
    name: 'except',
    query: {
      set: 'except',
      inputs: [
        { from: ['p', 'Person'], select: { id: 'p.bossId' } },
        { from: ['e', 'Entry'], select: { id: 'e.personId' } },
        { from: ['t', 'Team'], select: { id: 't.parentId' } },
      ],
    },
  },
  {
    name: 'limit',
    query: {
      from: ['p', 'Person'],
      select: { id: 'p.id', score: 'p.score' },
      order: [{ by: 'p.score', desc: true }, { by: 'p.id' }],
      limit: { count: 3, offset: 1 },
    },
  },
  {
    name: 'offset alone',
    query: {
      from: ['p', 'Person'],
      select: { id: 'p.id', name: 'p.name' },
      order: [
        { by: 'p.name', nulls: 'first' },
        { by: 'p.id', desc: true },
      ],
      limit: { offset: 2 },
    },
  },
  {
    name: 'limit per group',
    query: {
      from: ['p', 'Person'],
      select: { team: 'p.teamId', id: 'p.id', price: 'p.price' },
      order: [{ by: 'p.price', desc: true, nulls: 'last' }, { by: 'p.id' }],
      limit: { count: 2, per: ['p.teamId'] },
    },
  },
  {
    name: 'limit over groups',
    query: {
      from: ['p', 'Person'],
      groupBy: ['p.teamId'],
      select: { team: 'p.teamId', n: { agg: 'count' } },
      order: [{ by: { agg: 'count' }, desc: true }, { by: 'p.teamId' }],
      limit: { count: 2 },
    },
  },
  {
    name: 'subquery in from, grouped twice',
    query: {
      from: [
        's',
        {
          from: ['p', 'Person'],
          groupBy: ['p.teamId', 'p.name'],
          select: { team: 'p.teamId', name: 'p.name', n: { agg: 'count' } },
        },
      ],
      groupBy: ['s.name'],
      select: { name: 's.name', teams: { agg: 'count' }, most: { agg: 'max', of: 's.n' } },
    },
  },
  {
    name: 'a limited subquery joined to its table',
    query: {
      from: ['t', 'Team'],
      joins: [
        {
          kind: 'left',
          source: [
            's',
            {
              from: ['p', 'Person'],
              select: { id: 'p.id', team: 'p.teamId', score: 'p.score' },
              order: [{ by: 'p.score' }, { by: 'p.id' }],
              limit: { count: 4 },
            },
          ],
          on: ['eq', 's.team', 't.id'],
        },
      ],
      select: { t: 't.id', p: 's.id', score: 's.score' },
    },
  },
  {
    name: 'a view over a view',
    query: {
      from: ['b', 'Badge'],
      joins: [
        {
          kind: 'left',
          source: [
            'v',
            {
              view: {
                from: ['a', 'Award'],
                groupBy: ['a.badgeCode'],
                select: { code: 'a.badgeCode', n: { agg: 'count' }, w: { agg: 'sum', of: 'a.weight' } },
              },
            },
          ],
          on: ['eq', 'v.code', 'b.code'],
        },
      ],
      select: { code: 'b.code', n: 'v.n', w: 'v.w' },
    },
  },
  {
    name: 'set operations in each other',
    query: {
      set: 'except',
      inputs: [
        {
          set: 'union',
          inputs: [
            { from: ['p', 'Person'], select: { x: 'p.id' } },
            { from: ['t', 'Team'], select: { x: 't.id' } },
          ],
        },
        {
          from: [
            'q',
            {
              set: 'unionAll',
              inputs: [
                { from: ['e', 'Entry'], select: { x: 'e.personId' } },
                { from: ['a', 'Award'], select: { x: 'a.personId' } },
              ],
            },
          ],
          groupBy: ['q.x'],
          having: ['gt', { agg: 'count' }, { v: 1 }],
          select: { x: 'q.x' },
        },
      ],
      order: [{ by: '.x', desc: true }],
      limit: { count: 4 },
    },
  },
  {
    name: 'a bag over a junction',
    query: {
      from: ['p', 'Person'],
      joins: [
        { kind: 'inner', source: ['a', 'Award'], on: ['eq', 'a.personId', 'p.id'] },
        { kind: 'inner', source: ['b', 'Badge'], on: ['eq', 'b.code', 'a.badgeCode'] },
      ],
      select: { name: 'p.name', label: 'b.label' },
    },
  },
  {
    name: 'every type',
    query: {
      from: ['p', 'Person'],
      select: {
        id: 'p.id',
        big: 'p.big',
        price: 'p.price',
        ratio: 'p.ratio',
        active: 'p.active',
        born: 'p.born',
        seen: 'p.seen',
        mood: 'p.mood',
        token: 'p.token',
        tags: 'p.tags',
      },
    },
  },
  {
    name: 'a full join in a subquery, of which the outer query needs one column',
    query: {
      from: [
        'a',
        {
          from: ['a', 'Badge'],
          joins: [{ kind: 'full', source: ['b', 'Award'], on: ['eq', 'b.badgeCode', 'a.code'] }],
          select: { c: 'b.personId' },
        },
      ],
      select: { c: 'a.c' },
    },
  },
  {
    name: 'a grouped subquery over exists of another width',
    query: {
      from: [
        'a',
        {
          from: ['a', 'Entry'],
          exists: [{ source: ['b', 'Team'], on: ['eq', 'b.parentId', 'a.personId'] }],
          select: { least: { agg: 'min', of: 'a.pos' } },
        },
      ],
      select: { least: 'a.least' },
    },
  },
  {
    name: 'nested rows in nested rows',
    query: {
      from: ['t', 'Team'],
      select: {
        id: 't.id',
        people: {
          nest: ['p', 'Person'],
          on: ['and', ['eq', 'p.teamId', 't.id'], ['ne', 'p.rank', { v: 0 }]],
          select: {
            name: 'p.name',
            awards: {
              nest: ['a', 'Award'],
              on: ['eq', 'a.personId', 'p.id'],
              select: { code: 'a.badgeCode', weight: 'a.weight' },
              order: [{ by: 'a.weight', desc: true, nulls: 'last' }, { by: 'a.badgeCode' }],
              limit: { count: 2 },
            },
          },
          order: [{ by: 'p.score' }, { by: 'p.id' }],
        },
      },
    },
  },
  ...REFUSED,
]
