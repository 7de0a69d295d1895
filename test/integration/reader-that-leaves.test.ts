import { createSync } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { schema, Visit } from '../../generated/dbsync/index.ts'
import { testDatabase } from '../support/database.ts'
import { sleep, until } from '../support/faults.ts'
import { seedExample } from '../support/workload.ts'

test('a first reading is not noted as done when its only reader has left', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 60, restaurants: 40, visits: 2_400 })
  const open = () =>
    createSync({
      schema,
      connection: db.url,
      slot: { name: `s_${db.name}` },
      snapshot: 'initial',
      changes: true,
    })
  const first = open()
  const reader = first.changes({ models: [Visit] })
  await first.start()
  let seen = 0
  for await (const { changes } of reader) {
    seen += [...changes].length
    break
  }
  await sleep(1_500)
  await first.close()
  const second = open()
  const again = second.changes({ models: [Visit] })
  await second.start()
  void (async () => {
    for await (const { changes } of again) seen += [...changes].length
  })()
  await until(() => seen >= 2_400, 5_000).catch(() => {})
  expect(seen).toBeGreaterThanOrEqual(2_400)
  await second.close()
})
