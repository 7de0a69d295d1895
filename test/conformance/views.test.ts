import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { DDL, schema } from './fixture.ts'
import { history } from './history.ts'
import { Mirror } from './mirror.ts'
import { VIEWS } from './views.ts'

test('views answer as Postgres after every transaction of random histories', async () => {
  const seed = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
  for (const offset of [0, 1]) expect(await history(VIEWS, seed + offset, 90)).toEqual([])
}, 120_000)

test('views answer as Postgres over empty tables', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(DDL)
  const mirror = new Mirror(
    schema,
    VIEWS.map(({ ir }) => ir),
  )
  for (const view of VIEWS) {
    const rows = mirror.replica.views.get(view.name)?.rows() ?? []
    expect((await compareView(view, rows, client)).map(formatDifference)).toEqual([])
  }
})
