import type { Case } from './case.ts'

/** Postgres refuses some of their rows, and so must the view, at the same transaction. */
export const REFUSED: readonly Case[] = [
  {
    name: 'division by zero',
    query: { from: ['p', 'Person'], select: { id: 'p.id', x: ['divide', { v: 6 }, 'p.rank'] } },
    fails: true,
    history: [
      ['INSERT INTO person (id, rank) VALUES (1, 1)'],
      // Nobody ever sees the state in between.
      ['UPDATE person SET rank = 0', 'UPDATE person SET rank = 2'],
      ['UPDATE person SET rank = 0'],
      ['UPDATE person SET rank = 1'],
    ],
  },
  {
    name: 'an integer out of range',
    query: {
      from: ['p', 'Person'],
      where: ['gt', ['add', 'p.score', { v: 1 }], { v: 1 }],
      select: { id: 'p.id' },
    },
    fails: true,
    history: [
      ['INSERT INTO person (id, rank, score) VALUES (1, 1, 2)'],
      ['UPDATE person SET score = 2147483646'],
      ['UPDATE person SET score = 2147483647'],
    ],
  },
  {
    name: 'a cast that does not fit, as a group',
    query: {
      from: ['p', 'Person'],
      groupBy: [['cast', 'p.score', { v: 'smallint' }]],
      select: { score: ['cast', 'p.score', { v: 'smallint' }], n: { agg: 'count' } },
    },
    fails: true,
    history: [
      ['INSERT INTO person (id, rank, score) VALUES (1, 1, 32767), (2, 1, NULL)'],
      ['UPDATE person SET score = 32768 WHERE id = 2'],
    ],
  },
  {
    name: 'division by zero in an argument of an aggregate',
    query: {
      from: ['p', 'Person'],
      groupBy: ['p.teamId'],
      select: { team: 'p.teamId', x: { agg: 'sum', of: ['modulo', { v: 7 }, 'p.rank'] } },
    },
    fails: true,
    history: [
      ['INSERT INTO person (id, rank) VALUES (1, 1)', 'SELECT 1'],
      ['INSERT INTO person (id, rank) VALUES (2, 0)'],
    ],
  },
  {
    name: 'division by zero after the groups',
    query: {
      from: ['p', 'Person'],
      groupBy: ['p.teamId'],
      select: { team: 'p.teamId', x: ['divide', { agg: 'count' }, { agg: 'sum', of: 'p.rank' }] },
    },
    fails: true,
    history: [
      ['INSERT INTO person (id, rank) VALUES (1, 1), (2, -1), (3, 1)'],
      ['DELETE FROM person WHERE id = 3'],
    ],
  },
]
