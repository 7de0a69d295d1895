import { expect, test } from 'vitest'
import { DbsyncError } from '../../src/core/errors.ts'
import { formatLsn, lsn } from '../../src/core/lsn.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { firstColumns, rawStream } from '../support/raw-stream.ts'
import { startEmbedded } from '../support/server.ts'

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

async function source(db: TestDatabase): Promise<string> {
  await db.query('CREATE TABLE item (id int PRIMARY KEY, body text)')
  await db.query('CREATE PUBLICATION p FOR TABLE item')
  const slot = `s_${db.name}`
  await db.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
  return slot
}

async function confirmedFlush(db: TestDatabase, slot: string): Promise<string> {
  const [row] = await db.query<{ lsn: string }>(
    'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  )
  return row?.lsn ?? ''
}

test('two commits back to back: confirming the first does not lose the second', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  const [one, two] = [await db.connect(), await db.connect()]
  const first = await rawStream(db.url, slot, 'p')
  let id = 0
  for (let attempt = 0; attempt < 20; attempt += 1) {
    // Both write first, so that nothing but the two commit records lies between the two commits.
    await one.query(`BEGIN; INSERT INTO item VALUES (${(id += 1)})`)
    await two.query(`BEGIN; INSERT INTO item VALUES (${(id += 1)})`)
    await Promise.all([one.query('COMMIT'), two.query('COMMIT')])
    await first.until(id)
    if (first.transactions.at(-1)?.commitLsn === first.transactions.at(-2)?.endLsn) break
  }
  const [last, former] = [first.transactions.at(-1), first.transactions.at(-2)]
  if (last === undefined || former === undefined) throw new Error('no transactions')
  // The case that matters: the second commit record begins where the first ends.
  expect(last.commitLsn).toBe(former.endLsn)
  first.session.confirm(former.endLsn)
  await first.session.close()
  expect(await confirmedFlush(db, slot)).toBe(formatLsn(former.endLsn))
  const second = await rawStream(db.url, slot, 'p')
  await second.until(1)
  expect(second.transactions.flatMap(firstColumns)).toEqual(firstColumns(last))
  await second.session.close()
})

test('what was received and not confirmed comes again, however long it was held', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  const before = await confirmedFlush(db, slot)
  await db.query('INSERT INTO item VALUES (1)')
  const first = await rawStream(db.url, slot, 'p')
  await first.until(1)
  await db.query('INSERT INTO item VALUES (2)')
  await first.until(2)
  // Several status updates go out meanwhile.
  await sleep(2_500)
  expect(await confirmedFlush(db, slot)).toBe(before)
  await first.session.close()
  const second = await rawStream(db.url, slot, 'p')
  await second.until(2)
  expect(second.transactions.flatMap(firstColumns)).toEqual(['1', '2'])
  await second.session.close()
})

test('F07 an idle session and a paused one outlive the walsender timeout', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  await db.query(`ALTER ROLE CURRENT_USER IN DATABASE ${db.name} SET wal_sender_timeout = '1s'`)
  const stream = await rawStream(db.url, slot, 'p')
  let reason: DbsyncError | null | undefined
  void stream.session.closed.then((error) => {
    reason = error
  })
  await sleep(2_500)
  stream.session.pause()
  await sleep(2_500)
  stream.session.resume()
  await db.query('INSERT INTO item VALUES (1)')
  await stream.until(1)
  expect(reason).toBeUndefined()
  await stream.session.close()
})

test('a receiver that throws ends the session with its error: nothing later is read, nothing is confirmed', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  const before = await confirmedFlush(db, slot)
  // All of them arrive in one chunk of the socket.
  for (let id = 1; id <= 5; id += 1) await db.query(`INSERT INTO item VALUES (${id})`)
  const failure = new DbsyncError('CHANGES.UNDECODABLE_VALUE', 'on purpose')
  const stream = await rawStream(db.url, slot, 'p', () => {
    throw failure
  })
  expect(await stream.session.closed).toBe(failure)
  expect(stream.transactions).toHaveLength(1)
  expect(await confirmedFlush(db, slot)).toBe(before)
})

test('kept bytes are never written again', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  await db.query(
    `INSERT INTO item SELECT i, repeat(md5(i::text), 1 + i % 50) FROM generate_series(1, 2000) i`,
  )
  for (let i = 0; i < 20; i += 1) {
    await db.query(`UPDATE item SET body = body || '-' WHERE id % 20 = ${i}`)
  }
  const stream = await rawStream(db.url, slot, 'p')
  await stream.until(21)
  const [inserts] = stream.transactions
  expect(inserts === undefined ? [] : firstColumns(inserts)).toEqual(
    Array.from({ length: 2000 }, (_, index) => String(index + 1)),
  )
  const updated = stream.transactions.slice(1).flatMap(firstColumns)
  expect(new Set(updated).size).toBe(2000)
  await stream.session.close()
})

test('a message larger than many chunks of the socket arrives whole', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  await db.query("INSERT INTO item VALUES (1, repeat('x', 20000000))")
  const stream = await rawStream(db.url, slot, 'p')
  await stream.until(1)
  expect(stream.transactions[0]?.bytes).toBeGreaterThan(20_000_000)
  await stream.session.close()
})

test('the server sees our clock as it is', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  const stream = await rawStream(db.url, slot, 'p')
  stream.session.sendStatus()
  await sleep(300)
  const [row] = await db.query<{ seconds: number }>(
    'SELECT abs(extract(epoch FROM now() - reply_time))::float8 AS seconds FROM pg_stat_replication WHERE pid = $1',
    [stream.session.backendPid],
  )
  expect(row?.seconds).toBeLessThan(5)
  await stream.session.close()
})

test('F20 a publication that is gone ends the stream instead of skipping changes', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  const stream = await rawStream(db.url, slot, 'p')
  await db.query('DROP PUBLICATION p')
  await db.query('INSERT INTO item VALUES (1)')
  const error = await stream.session.closed
  // Version 18 warns and goes on, older ones end the stream.
  expect(error?.code).toBe('PUBLICATION.MISSING')
  // Version 14 sends transactions without changes, such as the one that dropped it.
  expect(stream.transactions.flatMap(firstColumns)).toEqual([])
})

test('F06 a fast shutdown of the server ends at once once we confirm what it sent', async () => {
  const server = await startEmbedded()
  try {
    await using db = await testDatabase({ schema: 'empty', serverUrl: server.url })
    const slot = await source(db)
    const stream = await rawStream(db.url, slot, 'p')
    await db.query('INSERT INTO item VALUES (1)')
    await stream.until(1)
    const confirming = setInterval(() => {
      const position = stream.walEnd()
      if (position !== null) stream.session.confirm(position)
    }, 50)
    const startMs = performance.now()
    await server.halt()
    clearInterval(confirming)
    expect(performance.now() - startMs).toBeLessThan(4_000)
    expect((await stream.session.closed)?.code).toBe('POSTGRES.CONNECTION_LOST')
    await server.start()
  } finally {
    await server.stop()
  }
})

test('confirming never moves back', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const slot = await source(db)
  await db.query('INSERT INTO item VALUES (1)')
  const stream = await rawStream(db.url, slot, 'p')
  await stream.until(1)
  const end = stream.transactions[0]?.endLsn ?? lsn(0n)
  stream.session.confirm(end)
  stream.session.confirm(lsn(1n))
  expect(stream.session.confirmed).toBe(end)
  await stream.session.close()
})
