import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { TestLine } from '../support/line.ts'
import { seedExample } from '../support/workload.ts'

test('a chunk of the time before a table was changed unseen does not bring its rows back', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 60, restaurants: 40, visits: 2_000 })
  await using line = await TestLine.open(db)
  await line.hydrate()
  const held: (() => void)[] = []
  line.onWatermark = (seen) => void held.push(seen)
  const former = line.refresh('Visit')
  await until(() => held.length === 2)
  await sleep(200)
  // As a rewrite or a table made anew under the name: the stream tells nothing of it.
  await client.query("ALTER PUBLICATION dbsync SET (publish = 'insert')")
  await client.query('DELETE FROM visit WHERE user_id < 30')
  line.readAgain()
  const anew = line.refresh('Visit')
  await until(() => held.length >= 3)
  await sleep(200)
  line.onWatermark = (seen) => seen()
  for (const seen of held) seen()
  await Promise.all([former, anew])
  expect(await line.differences()).toEqual([])
})
