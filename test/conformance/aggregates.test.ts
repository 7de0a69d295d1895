import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { AGGREGATE_VIEWS } from './aggregate-views.ts'
import { DDL, schema } from './fixture.ts'
import { history } from './history.ts'
import { Mirror } from './mirror.ts'

test('every aggregate answers as Postgres after every transaction of random histories', async () => {
  const seed = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
  expect(await history(AGGREGATE_VIEWS, seed, process.env['SOAK'] === '1' ? 1500 : 100)).toEqual([])
}, 120_000)

test('over empty tables every aggregate answers as Postgres', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(DDL)
  const mirror = new Mirror(
    schema,
    AGGREGATE_VIEWS.map(({ ir }) => ir),
  )
  mirror.replica.flush()
  for (const view of AGGREGATE_VIEWS) {
    const rows = mirror.replica.views.get(view.name)?.rows() ?? []
    expect((await compareView(view, rows, client)).map(formatDifference)).toEqual([])
  }
})
