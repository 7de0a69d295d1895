import { expect, test } from 'vitest'
import { sources } from '../architecture/sources.ts'

/*
 * What can go wrong between a server and its reader, and each with at least one test whose title begins with its number:
 * test('F05 a half-open link …'). Several numbers stand one after the other.
 */
const FAULTS: Readonly<Record<string, string>> = {
  F01: 'the server restarts',
  F02: 'a backend is killed, and the server restarts all of them',
  F03: 'the postmaster is killed',
  F04: 'the connection is reset',
  F05: 'the link is half open, or stalls',
  F06: 'a fast shutdown waits for us',
  F07: 'we are too slow, or do not answer in time',
  F08: 'our walsender is terminated',
  F09: 'somebody else uses the slot',
  F10: 'a pooler is in the path',
  F11: 'TLS does not come about',
  F12: 'the slot is invalidated while it is streamed',
  F13: 'the slot comes near its limit',
  F14: 'the slot is invalidated for being idle (18)',
  F15: 'the slot is dropped',
  F16: 'the slot is made again, or moved, by somebody else',
  F17: 'the server writes no logical WAL',
  F18: 'no slot is free',
  F19: 'no walsender is free',
  F20: 'the publication is dropped',
  F21: 'the publication is altered',
  F22: 'the slot waits for a running transaction',
  F23: 'our database is idle, and others are not',
  F24: 'a transaction runs for long and holds WAL back',
  F25: 'a transaction is huge',
  F26: 'an abandoned slot fills the disk',
  F27: 'WAL is removed while the slot is not used',
  F28: 'a failover with a failover slot (17), or a stream that halts for a standby',
  F29: 'a failover without the slot',
  F30: 'another timeline, or another system',
  F31: 'the server comes back from a backup',
  F32: 'the server comes back from pg_upgrade',
  F33: 'a position ahead of the server',
  F34: 'the server is a standby',
  F35: 'clocks and commit times jump',
  F36: 'transactions commit in another order than that of their ids',
  F37: 'a table is dropped, or made again',
  F38: 'a table, schema or column is renamed',
  F39: 'a column is added or dropped',
  F40: 'a column changes its type',
  F41: 'the replica identity changes, or there is none',
  F42: 'text is no valid UTF-8',
  F43: 'values are extreme',
  F44: 'settings of the session change how values are written',
  F45: 'a key changes',
  F46: 'TRUNCATE',
  F47: 'a large value is left alone by an update',
  F48: 'a column is generated',
  F49: 'a row policy hides rows',
  F50: 'the right to read is missing',
  F51: 'DDL comes between a chunk and its snapshot',
  F52: 'what is written because of a change is published too',
  F53: 'a batch of a store meets a deadlock',
  F54: 'a batch of a store cannot be serialized, or its COMMIT is answered by ROLLBACK',
  F55: 'a row violates a constraint of a store',
  F56: 'the server ends a statement, a transaction or a session of a store',
  F57: 'the disk of a store is full',
  F58: 'a store has become read-only, or a standby',
  F59: 'the answer to the COMMIT of a store is lost',
  F60: 'the process is killed between two steps of a store',
}

const TESTS = sources('test').filter(
  ({ path }) => path.endsWith('.test.ts') && !path.endsWith('catalogue.test.ts'),
)

/** The numbers at the beginning of titles. */
const COVERED = new Set(
  TESTS.flatMap(({ text }) =>
    [...text.matchAll(/['"`]((?:F\d\d )+)(?=\S)/g)].flatMap(([, numbers = '']) => numbers.trim().split(' ')),
  ),
)

test('the catalogue has every number once, in order', () => {
  expect(Object.keys(FAULTS)).toEqual(
    Array.from({ length: 60 }, (_, index) => `F${String(index + 1).padStart(2, '0')}`),
  )
})

test('each fault has a test', () => {
  const missing = Object.entries(FAULTS).flatMap(([number, what]) =>
    COVERED.has(number) ? [] : [`${number} ${what}`],
  )
  expect(missing).toEqual([])
})

test('each number in a title is one of the catalogue', () => {
  expect([...COVERED].filter((number) => FAULTS[number] === undefined)).toEqual([])
})
