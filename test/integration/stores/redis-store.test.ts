import type { RedisClientType } from 'redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineView, sum, type ViewDefinition } from 'prisma-dbsync'
import { Visit } from '../../../generated/dbsync/index.ts'
import { redisKey } from '../../../src/stores/redis/redis-key.ts'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { redisPosition } from '../../../src/stores/redis/redis-position.ts'
import { redisStore, type RedisStoreOptions } from '../../../src/stores/redis/redis-store.ts'
import type { StoredView } from '../../../src/stores/view-store.ts'
import {
  forget,
  redisClient,
  redisRows,
  startOwnRedis,
  startRedis,
  redisPlace,
  type RedisPlace,
  type TestRedis,
} from '../../support/redis.ts'
import { ratings, total, visits, writeBatch, type Batch } from '../../support/stored-views.ts'

let server: TestRedis
let client: RedisClientType & AsyncDisposable
beforeAll(async () => {
  server = await startRedis()
  client = await redisClient(server.url)
})
afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const place = (): RedisPlace => redisPlace(client)

const ALL = [ratings, visits, total]
const FIRST: Batch = {
  kind: 'whole',
  lsn: 100,
  rows: [
    [ratings, ['r1', '2', '10.50'], ['r2', '1', null], ['a:b', '0', '0']],
    [visits, ['7', 'x'], ['7', null]],
    [total, ['10.50']],
  ],
}

test('rows are hashes of texts under keys that say whose they are, NULL is no field', async () => {
  await using at = place()
  const store = at.store()
  expect(await store.open(ALL, { takeOver: true })).toBeNull()
  await writeBatch(store, ALL, FIRST)
  await writeBatch(store, ALL, {
    kind: 'changes',
    lsn: 200,
    gone: [
      [ratings, ['a:b']],
      [visits, [null, '7']],
    ],
    rows: [
      [ratings, ['r1', '3', null]],
      [total, [null]],
    ],
  })
  expect(await redisRows(client, at.prefix)).toEqual({
    [`${at.prefix}:ratings:r1`]: { id: 'r1', visits: '3' },
    [`${at.prefix}:ratings:r2`]: { id: 'r2', visits: '1' },
    [`${at.prefix}:visits:x:7`]: { who: '7', place: 'x' },
    // An empty hash would be none.
    [`${at.prefix}:total:`]: { '': '' },
  })
  expect(await store.open(ALL, { takeOver: false })).toBe(200n)
  expect(await at.store().open(ALL, { takeOver: true })).toBe(200n)
})

test('rows are JSON values where that is asked for', async () => {
  await using at = place()
  const store = at.store({ format: 'json' })
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, FIRST)
  const rows = await redisRows(client, at.prefix)
  expect(rows[`${at.prefix}:ratings:r1`]).toBe('{"id":"r1","visits":2,"spent":"10.50"}')
  expect(rows[`${at.prefix}:ratings:a%3Ab`]).toBe('{"id":"a:b","visits":0,"spent":"0"}')
  expect(rows[`${at.prefix}:visits:%N:7`]).toBe('{"who":7,"place":null}')
  expect(rows[`${at.prefix}:total:`]).toBe('{"spent":"10.50"}')
  expect(Object.keys(rows)).toHaveLength(6)
})

test('a batch of all rows removes what it does not name, and nothing before its commit', async () => {
  await using at = place()
  const store = at.store()
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, FIRST)
  const former = await redisRows(client, at.prefix)
  const again = at.store()
  expect(await again.open(ALL, { takeOver: true })).toBe(100n)
  await again.begin({ kind: 'whole', views: ALL })
  await again.upsert(ratings, [['r2', '5', null]])
  expect(await redisRows(client, at.prefix)).toEqual(former)
  await again.commit(300n as never)
  expect(await redisRows(client, at.prefix)).toEqual({
    [`${at.prefix}:ratings:r2`]: { id: 'r2', visits: '5' },
  })
  expect(await redisPosition(client, ratings, { prefix: at.prefix })).toEqual({
    lsn: 300n,
    isWriting: false,
    failed: null,
  })
})

test('a batch of all rows of one view leaves the others alone', async () => {
  await using at = place()
  const store = at.store()
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, FIRST)
  await writeBatch(store, [visits], { kind: 'whole', lsn: 200, rows: [[visits, ['1', 'y']]] })
  const rows = await redisRows(client, at.prefix)
  expect(Object.keys(rows).map((key) => key.slice(at.prefix.length)).toSorted()).toEqual([
    ':ratings:a%3Ab', ':ratings:r1', ':ratings:r2', ':total:', ':visits:y:1',
  ]) // prettier-ignore
})

test('a row that is equal under another text stays one row', async () => {
  await using at = place()
  const view = { ...ratings, key: ['spent'] }
  const store = at.store()
  await store.open([view], { takeOver: true })
  await writeBatch(store, [view], { kind: 'whole', lsn: 1, rows: [[view, ['r1', '1', '1.50']]] })
  await writeBatch(store, [view], { kind: 'changes', lsn: 2, gone: [[view, ['1.50']]], rows: [[view, ['r1', '2', '1.5']]] }) // prettier-ignore
  expect(await redisRows(client, at.prefix)).toEqual({
    [`${at.prefix}:ratings:1.5`]: { id: 'r1', visits: '2', spent: '1.5' },
  })
})

test('readers find rows by the keys of the view', async () => {
  await using at = place()
  const options = { prefix: at.prefix }
  const visit = defineView('visits', (q) => q.from({ v: Visit }).select(({ v }) => ({ who: v.userId, place: v.restaurantId })), { key: ['place', 'who'] }) // prettier-ignore
  const spent = defineView('total', (q) => q.from({ v: Visit }).select(({ v }) => ({ spent: sum(v.amountSpent) }))) // prettier-ignore
  const store = at.store({ format: 'json' })
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, {
    kind: 'whole',
    lsn: 1,
    rows: [
      [visits, ['7', 'a:b%']],
      [total, ['1']],
    ],
  })
  expect(await client.get(redisKey(visit, { who: 7, place: 'a:b%' }, options))).toBe(
    '{"who":7,"place":"a:b%"}',
  )
  expect(await client.get(redisKey(visit, { who: 8, place: 'a:b%' }, options))).toBeNull()
  expect(await client.get(redisKey(spent, undefined, options))).toBe('{"spent":"1"}')
  expect(redisKey(visit, { who: 7, place: 'x' })).toBe('dbsync:visits:x:7')
  const bag = defineView('bag', (q) => q.from({ v: Visit }).select(({ v }) => ({ spent: v.amountSpent })))
  expect(() => redisKey(bag as ViewDefinition, undefined)).toThrow(
    expect.objectContaining({ code: 'VIEW.INVALID_DEFINITION' }),
  )
})

const code = (error: unknown): unknown => (isDbsyncError(error) ? error.code : error)
async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => 'done', code)
}

test('who took over last writes; any other is refused and changes nothing', async () => {
  await using at = place()
  const [zombie, owner] = [at.store(), at.store()]
  await zombie.open(ALL, { takeOver: true })
  await writeBatch(zombie, ALL, FIRST)
  const former = await redisRows(client, at.prefix)
  expect(await owner.open(ALL, { takeOver: true })).toBe(100n)
  const change: Batch = {
    kind: 'changes',
    lsn: 200,
    gone: [[ratings, ['r1']]],
    rows: [[ratings, ['r3', '1', null]]],
  }
  expect(await codeOf(writeBatch(zombie, ALL, change))).toBe('STORE.FENCED')
  expect(await codeOf(zombie.fail?.(ratings, 'VIEW.EVALUATION') ?? Promise.resolve())).toBe('STORE.FENCED')
  expect(await codeOf(zombie.open(ALL, { takeOver: false }))).toBe('STORE.FENCED')
  expect(await redisRows(client, at.prefix)).toEqual(former)
  expect(await redisPosition(client, ratings, { prefix: at.prefix })).toEqual({
    lsn: 100n,
    isWriting: false,
    failed: null,
  })
  await writeBatch(owner, ALL, change)
  expect(await owner.open(ALL, { takeOver: false })).toBe(200n)
  expect(await codeOf(at.store().open(ALL, { takeOver: false }))).toBe('STORE.FENCED')
})

test('a take-over between the look at the checkpoint and the transaction is seen', async () => {
  await using at = place()
  let isDue = false
  const zombie = at.store(
    {},
    {
      async before([command]) {
        if (command !== 'MULTI' || !isDue) return
        isDue = false
        await at.store().open(ALL, { takeOver: true })
      },
    },
  )
  await zombie.open(ALL, { takeOver: true })
  await writeBatch(zombie, ALL, FIRST)
  const former = await redisRows(client, at.prefix)
  isDue = true
  expect(
    await codeOf(writeBatch(zombie, ALL, { kind: 'changes', lsn: 200, gone: [[ratings, ['r1']]] })),
  ).toBe('STORE.FENCED')
  expect(await redisRows(client, at.prefix)).toEqual(former)
})

test('a commit whose answer is lost is known when the store is opened again', async () => {
  await using at = place()
  let isDue = false
  const after = ([command]: readonly string[]): void => {
    if (command === 'EXEC' && isDue) throw new Error('Socket closed unexpectedly')
  }
  const store = at.store({}, { after })
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, FIRST)
  isDue = true
  expect(await codeOf(writeBatch(store, ALL, { kind: 'changes', lsn: 200 }))).toBe('STORE.UNAVAILABLE')
  isDue = false
  expect(await store.open(ALL, { takeOver: false })).toBe(200n)
})

test('a Redis that has forgotten everything is written anew', async () => {
  await using at = place()
  const store = at.store()
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, FIRST)
  await forget(client, at.prefix)
  const change: Batch = { kind: 'changes', lsn: 200, rows: [[ratings, ['r3', '1', null]]] }
  expect(await codeOf(writeBatch(store, ALL, change))).toBe('STORE.UNAVAILABLE')
  expect(await redisRows(client, at.prefix)).toEqual({})
  expect(await store.open(ALL, { takeOver: false })).toBeNull()
  await writeBatch(store, ALL, { ...FIRST, lsn: 300 })
  expect(Object.keys(await redisRows(client, at.prefix))).toHaveLength(6)
  expect(await store.open(ALL, { takeOver: false })).toBe(300n)
})

test('a Redis that has gone back to an older state is written anew', async () => {
  await using at = place()
  const store = at.store()
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, FIRST)
  const checkpoint = `${at.prefix}:@checkpoint:dbsync`
  const older = await client.hGetAll(checkpoint)
  await writeBatch(store, ALL, { kind: 'changes', lsn: 200, gone: [[ratings, ['r1']]] })
  await client.hSet(checkpoint, older)
  expect(await codeOf(writeBatch(store, ALL, { kind: 'changes', lsn: 300 }))).toBe('STORE.UNAVAILABLE')
  expect(await store.open(ALL, { takeOver: false })).toBeNull()
})

test('other definitions and forms, views that were away and views that failed are written anew', async () => {
  await using at = place()
  const reopened = async (views: readonly StoredView[], options: RedisStoreOptions = {}): Promise<unknown> =>
    at.store(options).open(views, { takeOver: true })
  const store = at.store()
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, FIRST)
  expect(await reopened(ALL)).toBe(100n)
  expect(await reopened([{ ...ratings, fingerprint: 'ratings-2' }, visits, total])).toBeNull()
  expect(await reopened(ALL, { format: 'json' })).toBeNull()
  expect(await reopened([ratings, visits])).toBe(100n)
  expect(await redisPosition(client, total, { prefix: at.prefix })).toBeNull()
  expect(await reopened(ALL)).toBeNull()

  const last = at.store()
  await last.open(ALL, { takeOver: true })
  await writeBatch(last, ALL, { ...FIRST, lsn: 200 })
  await last.fail?.(visits, 'VIEW.EVALUATION')
  await writeBatch(last, ALL, { kind: 'changes', lsn: 300, rows: [[ratings, ['r1', '9', null]]] })
  expect(await redisPosition(client, 'visits', { prefix: at.prefix })).toEqual({ lsn: 200n, isWriting: false, failed: 'VIEW.EVALUATION' }) // prettier-ignore
  expect(await redisPosition(client, 'ratings', { prefix: at.prefix })).toEqual({
    lsn: 300n,
    isWriting: false,
    failed: null,
  })
  expect(await reopened(ALL)).toBeNull()
})

test('a view that failed leaves the others their position, also where a batch of all rows is broken off', async () => {
  await using at = place()
  const store = at.store({ maxRows: 1 })
  await store.open(ALL, { takeOver: true })
  await writeBatch(store, ALL, FIRST)
  await store.fail?.(visits, 'VIEW.EVALUATION')
  expect(await store.open(ALL, { takeOver: false })).toBe(100n)
  const others = [ratings, total]
  await store.begin({ kind: 'whole', views: others })
  await store.upsert(ratings, [['r1', '1', null], ['r2', '1', null]]) // prettier-ignore
  expect(await store.open(ALL, { takeOver: false })).toBeNull()
  expect((await redisPosition(client, ratings, { prefix: at.prefix }))?.isWriting).toBe(true)
  await writeBatch(store, others, { kind: 'whole', lsn: 200, rows: [[ratings, ['r1', '1', null]]] })
  expect(await redisPosition(client, ratings, { prefix: at.prefix })).toEqual({
    lsn: 200n,
    isWriting: false,
    failed: null,
  })
  expect(await store.open(ALL, { takeOver: false })).toBe(200n)
  expect(await at.store().open(ALL, { takeOver: true })).toBeNull()
})

test('two syncs cannot write one view, nor one under a key of somebody else', async () => {
  await using at = place()
  const store = at.store()
  await store.open([ratings], { takeOver: true })
  expect(await codeOf(at.store({ pipeline: 'other' }).open([ratings], { takeOver: true }))).toBe(
    'STORE.TABLE_IN_USE',
  )
  expect(await codeOf(at.store({ pipeline: 'other' }).open([visits], { takeOver: true }))).toBe('done')
  // A command that fails among others fails the batch.
  await client.set(`${at.prefix}:@rows:ratings`, 'mine')
  const batch: Batch = { kind: 'changes', lsn: 1, rows: [[ratings, ['r1', '1', null]]] }
  expect(await codeOf(writeBatch(store, [ratings], batch))).toBe('STORE.UNAVAILABLE')
  expect(await codeOf(store.open([ratings], { takeOver: false }))).toBe('STORE.TABLE_EXISTS')
  await client.del(`${at.prefix}:@rows:ratings`)
  await client.set(`${at.prefix}:@rows:total`, 'mine')
  expect(await codeOf(at.store().open([ratings, total], { takeOver: true }))).toBe('STORE.TABLE_EXISTS')
})

test('a Redis that throws keys away, takes no writes or is gone is refused', async () => {
  await using evicting = await startOwnRedis('--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru')
  await using its = await redisClient(evicting.url)
  const store = redisStore(its)
  expect(await codeOf(store.open(ALL, { takeOver: true }))).toBe('STORE.UNSUPPORTED')
  await its.configSet('maxmemory-policy', 'noeviction')
  await store.open(ALL, { takeOver: true })
  await its.configSet('maxmemory', '1')
  const refused = await writeBatch(store, ALL, FIRST).catch((error: unknown) => error)
  expect(code(refused)).toBe('STORE.UNAVAILABLE')
  expect(isDbsyncError(refused) && refused.message).toContain('OOM')
  await its.configSet('maxmemory', '0')
  expect(await store.open(ALL, { takeOver: false })).toBeNull()
  await writeBatch(store, ALL, FIRST)
  // Who may not ask for the settings writes all the same.
  await its.aclSetUser('default', '-info')
  expect(await store.open(ALL, { takeOver: false })).toBe(100n)
  await its.sendCommand(['SHUTDOWN', 'NOSAVE']).catch(() => {})
  expect(await codeOf(writeBatch(store, ALL, FIRST))).toBe('STORE.UNAVAILABLE')
  expect(await codeOf(store.open(ALL, { takeOver: false }))).toBe('STORE.UNAVAILABLE')
  await store.close()
  await store.close()
})

test('options that are none are refused', () => {
  for (const options of [{ prefix: '' }, { pipeline: '' }, { maxRows: 0 }, { format: 'xml' as 'json' }]) {
    expect(() => redisStore(client, options)).toThrow(
      expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' }),
    )
  }
})
