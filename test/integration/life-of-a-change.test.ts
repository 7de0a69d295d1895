import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { walkChanges } from '../../src/wal/transaction.ts'
import { testDatabase } from '../support/database.ts'
import { TestLine } from '../support/line.ts'
import { rawStream } from '../support/raw-stream.ts'
import { seedExample } from '../support/workload.ts'

test('one UPDATE, hop by hop, is what ARCHITECTURE.md says', async () => {
  await using db = await testDatabase()
  const client = await db.connect()
  await seedExample(client, { users: 2, restaurants: 2, visits: 4 })
  await using line = await TestLine.open(db)
  await line.hydrate()
  const rating = line.replica.compiled.views.get('restaurant_rating')
  const total = line.replica.compiled.views.get('grand_total')
  const visits = line.replica.tables.find((table) => table.model.model === 'Visit')?.table
  if (rating === undefined || total === undefined || visits === undefined) throw new Error('no views')
  const before = rating.get('r1')
  const rows = visits.size
  const untouched = rating.get('r2')
  await db.query(`SELECT pg_create_logical_replication_slot('peek_${db.name}', 'pgoutput')`)

  await client.query("UPDATE visit SET visit_rating = 5 WHERE restaurant_id = 'r1' AND user_id = 2")

  // Hops 1 to 3: bytes, one transaction, its change where the socket put it.
  const peek = await rawStream(db.url, `peek_${db.name}`, 'dbsync')
  await peek.until(1)
  const [transaction] = peek.transactions
  const seen: string[] = []
  walkChanges(transaction?.spans ?? [], transaction?.relations ?? new Map(), (tag, relation) => {
    seen.push(`${String.fromCharCode(tag)} ${relation.name}`)
  })
  expect(seen).toEqual(['U visit'])
  await peek.session.close()

  // Hops 4 to 10: applied to the slot of its row, the two views that read the column, nothing else.
  expect(await line.differences()).toEqual([])
  expect(visits.size).toBe(rows)
  expect(rating.get('r1')).not.toBe(before)
  expect(rating.get('r1')).toMatchObject({ id: 'r1', visits: 2 })
  expect(rating.get('r2')).toBe(untouched)

  // Hop 11: once a snapshot shows it, it is confirmed.
  await line.settle()
  expect(line.pipeline.unsettled.size).toBe(0)
  expect(line.confirmed >= (transaction?.endLsn ?? 0n)).toBe(true)
})

test('ARCHITECTURE.md names functions and files that exist', async () => {
  const text = await readFile('ARCHITECTURE.md', 'utf8')
  const hops = [...text.matchAll(/^\| \d+ \| `([\w.]+)` \(`([\w/.-]+)`\)/gm)]
  expect(hops.length).toBeGreaterThan(8)
  for (const [, name = '', file = ''] of hops) {
    const source = await readFile(`src/${file}`, 'utf8')
    for (const part of name.split('.'))
      expect(source, `${name} in ${file}`).toMatch(new RegExp(`\\b${part}\\b`))
  }
})
