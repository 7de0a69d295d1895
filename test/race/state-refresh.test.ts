import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visit } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { hang, holdCommits, localClient } from '../support/held-commits.ts'
import { startEmbedded, type OwnServer } from '../support/server.ts'
import { stateFolder } from '../support/state-folder.ts'
import { exampleSync, expectExact } from '../support/views.ts'
import { seedExample } from '../support/workload.ts'

let server: OwnServer

beforeAll(async () => {
  server = await startEmbedded()
})

afterAll(async () => {
  await server.stop()
})

test('a commit that was saved before it was visible is not undone by a reading after the restart', async () => {
  await using db = await testDatabase({ serverUrl: server.url })
  await using folder = await stateFolder()
  const observer = await localClient(db)
  await seedExample(observer, { users: 20, restaurants: 9, visits: 100 })
  const options = { slot: { name: `held_${db.name}` }, stateDir: folder.path } as const
  const first = exampleSync(db.url, options)
  await first.sync.start()
  await using held = await holdCommits(observer)
  const { ended } = await hang(
    db,
    observer,
    "UPDATE visit SET amount_spent = 4711 WHERE user_id = 1 AND restaurant_id = 'r1'",
  )
  const spent = (sync: (typeof first)['sync']): string => String(sync.views.userSpend.get(1)?.spent)
  await until(() => Number(spent(first.sync)) > 4_000)
  const before = spent(first.sync)
  await first.sync.close()
  const second = exampleSync(db.url, options)
  await second.sync.start()
  expect(second.events.some(({ kind }) => kind === 'checkpoint-loaded')).toBe(true)
  expect(spent(second.sync)).toBe(before)
  const refreshed = second.sync.refresh(Visit)
  // Time enough for a chunk that waits for nobody.
  await sleep(1_500)
  expect(spent(second.sync)).toBe(before)
  await held.release()
  await ended
  await refreshed
  expect(spent(second.sync)).toBe(before)
  await expectExact(db, second.sync)
  await second.sync.close()
}, 120_000)
