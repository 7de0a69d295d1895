import { randomInt } from 'node:crypto'
import { createSync } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { compareView, formatDifference } from '../../../src/testing/compare-view.ts'
import { testDatabase } from '../../support/database.ts'
import { randomChoice } from './covering-array.ts'
import { definePair, Refusals, type Defined } from './define-pairs.ts'
import { randomHistory } from './history.ts'
import { Lab } from './lab.ts'
import { Random } from './random.ts'
import { schema } from './world.ts'

const SEED = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
const ROUNDS = process.env['SOAK'] === '1' ? 100 : 2

test('generated views of a sync answer as Postgres from its first reading on', async () => {
  const random = new Random(SEED)
  for (let round = 0; round < ROUNDS; round += 1) {
    await using db = await testDatabase({ schema: 'empty' })
    const lab = await Lab.open(db)
    const client = await db.connect()
    const [fill = [], ...history] = randomHistory(random, 12)
    await lab.commit(fill, [])
    const refusals = new Refusals()
    const pairs: Defined[] = []
    for (let index = 0; index < 30; index += 1) {
      const pair = await definePair(random, `v${index}`, randomChoice(random), refusals, (view) =>
        lab.hasRows(view),
      )
      if (pair !== null) pairs.push(pair)
    }
    expect(pairs.length).toBeGreaterThan(25)
    const views = Object.fromEntries(pairs.map(({ view }) => [view.name, view]))
    const sync = createSync({ schema, connection: db.url, views })
    await using _ = sync
    await sync.start()
    for (const [index, statements] of [[], ...history].entries()) {
      await lab.commit(statements, [])
      await sync.catchUp()
      const found: string[] = []
      for (const { view, spec } of pairs) {
        const differences = await compareView(view, sync.views[view.name]?.rows() ?? [], client)
        if (differences.length > 0) found.push(JSON.stringify(spec), ...differences.map(formatDifference))
      }
      expect(found, `DBSYNC_SEED=${SEED}, round ${round}, after transaction ${index}`).toEqual([])
    }
  }
}, 600_000)
