import { expect, test } from 'vitest'
import { prepareTables, PUBLICATION, writeBacklog } from '../../../bench/backlog.ts'
import { parseLsn } from '../../../src/core/lsn.ts'
import { walkChanges } from '../../../src/wal/transaction.ts'
import { testDatabase } from '../../support/database.ts'
import { rawStream } from '../../support/raw-stream.ts'

const SIZE = { users: 400, restaurants: 200, commits: 1000, largeRows: 3000 }

test('the backlog is as many transactions of one row as it says, and one large one', async () => {
  await using db = await testDatabase()
  await prepareTables(db, SIZE)
  await db.query("SELECT pg_create_logical_replication_slot('backlog', 'pgoutput')")
  const backlog = await writeBacklog(db, SIZE)
  // Its last transaction carries the message that follows the backlog.
  const stream = await rawStream(db.url, 'backlog', PUBLICATION)
  await stream.until(SIZE.commits + 2)
  await stream.session.close()
  const kinds = new Map<string, number>()
  const sizes = stream.transactions.map(({ spans, relations }) => {
    let changes = 0
    walkChanges(spans, relations, (tag) => {
      const kind = String.fromCharCode(tag)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      changes += 1
    })
    return changes
  })
  expect(sizes).toEqual([...Array.from({ length: SIZE.commits }, () => 1), SIZE.largeRows, 0])
  expect(Object.fromEntries(kinds)).toEqual({ I: 600 + SIZE.largeRows, U: 300, D: 100 })
  expect(backlog.changes).toBe(SIZE.commits + SIZE.largeRows)
  expect(stream.transactions.at(-2)?.endLsn).toBeLessThanOrEqual(parseLsn(backlog.end))
  expect(stream.transactions.at(-1)?.endLsn).toBeGreaterThan(parseLsn(backlog.end))
  const [visits] = await db.query<{ count: string }>('SELECT count(*) FROM visit')
  expect(Number(visits?.count)).toBe(500 + SIZE.largeRows)
})
