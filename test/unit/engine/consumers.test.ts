import { expect, test } from 'vitest'
import type { AnyChange, ReadChange } from '../../../src/changes/change.ts'
import { lsn, ZERO_LSN } from '../../../src/core/lsn.ts'
import { xid, xid8 } from '../../../src/core/xid.ts'
import { ConsumerQueue, type ConsumedTransaction } from '../../../src/engine/consumer-queue.ts'
import { ConsumerSet } from '../../../src/engine/consumer-set.ts'
import { Consumers, type Consumer } from '../../../src/engine/consumers.ts'
import { checkOptions } from '../../../src/engine/options.ts'
import { Unsettled } from '../../../src/snapshot/unsettled.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { schema, Shop } from '../../conformance/fixture.ts'
import { capture, chunkOf } from '../../support/captured.ts'
import { message, transactionOf } from '../../support/pgoutput.ts'

function transaction(end: number, bytes = 100): ConsumedTransaction {
  return {
    xid: xid(end),
    endLsn: lsn(BigInt(end)),
    commitTimeUs: 0n,
    relations: new Map(),
    spans: [],
    bytes,
  }
}

function consumer(...models: string[]): Consumer {
  return {
    queue: new ConsumerQueue({ onHandled() {}, onTaken() {} }),
    readModels: new Set(models),
    close: async () => {},
  }
}

const settled = lsn(1_000n)

test('the slot may be confirmed as far as the slowest consumer has come, and past all that are idle', async () => {
  const all = new Consumers()
  const [fast, slow] = [consumer(), consumer()]
  all.add(fast)
  all.add(slow)
  expect(all.handledLsn(settled)).toBe(settled)
  all.push(transaction(10))
  all.push(transaction(20))
  expect(all.handledLsn(settled)).toBe(ZERO_LSN)
  await fast.queue.next()
  await fast.queue.next()
  fast.queue.finish()
  expect([fast.queue.isIdle, fast.queue.handled]).toEqual([true, 20n])
  await slow.queue.next()
  // Taken is not handled.
  expect(all.handledLsn(settled)).toBe(ZERO_LSN)
  slow.queue.finish()
  expect(all.handledLsn(settled)).toBe(10n)
  // What nobody is left to handle holds nothing back; what was only settled so far does.
  expect(all.handledLsn(lsn(5n))).toBe(5n)
  all.remove(slow)
  expect(all.handledLsn(settled)).toBe(settled)
})

test('a consumer that has failed or was closed holds back what it had in hand', async () => {
  for (const end of ['fail', 'close'] as const) {
    const all = new Consumers()
    const one = consumer()
    all.add(one)
    all.push(transaction(10))
    await one.queue.next()
    one.queue.finish()
    all.push(transaction(20))
    await one.queue.next()
    if (end === 'fail') one.queue.fail()
    else one.queue.close(new Error('closed'))
    all.push(transaction(30))
    expect([one.queue.isIdle, one.queue.bytes, all.handledLsn(settled)]).toEqual([false, 0, 10n])
    expect(await one.queue.next()).toBeNull()
  }
})

test('the stream must wait while one consumer has much before it, until little is left', async () => {
  const all = new Consumers()
  const [fast, slow] = [consumer(), consumer()]
  all.add(fast)
  all.add(slow)
  const MB = 1024 * 1024
  for (let end = 1; end <= 8; end += 1) all.push(transaction(end, 4 * MB))
  expect([all.isFull, all.hasRoom]).toEqual([true, false])
  for (let turn = 0; turn < 8; turn += 1) await fast.queue.next()
  expect(all.isFull).toBe(true)
  for (let turn = 0; turn < 6; turn += 1) await slow.queue.next()
  expect([all.isFull, all.hasRoom]).toEqual([false, false])
  await slow.queue.next()
  expect([all.isFull, all.hasRoom]).toEqual([false, true])
  // Small transactions count for what they take, not for their bytes alone.
  for (let end = 10; end <= 70_000; end += 1) slow.queue.push(transaction(end, 0))
  expect(all.isFull).toBe(true)
})

test('rows that were read are handled when everyone who wants them has handled them or has left', async () => {
  const read: AnyChange = {
    model: 'Shop',
    op: 'read',
    key: {},
    after: {},
    tx: { xid: 0n, lsn: lsn(1n), commitTime: new Date(0), seq: 0 },
  }
  const all = new Consumers()
  const [one, two, other] = [consumer('Shop'), consumer('Shop'), consumer('User')]
  for (const each of [one, two, other]) all.add(each)
  const log: string[] = []
  expect([all.wantsRead('Shop'), all.wantsRead('Visit')]).toEqual([true, false])
  all.pushRead(read.model, [read], 0, () => log.push('first'))
  expect(other.queue.isIdle).toBe(true)
  await one.queue.next()
  one.queue.finish()
  expect(log).toEqual([])
  await two.queue.next()
  two.queue.finish()
  expect(log).toEqual(['first'])
  all.pushRead(read.model, [read], 0, () => log.push('second'))
  await one.queue.next()
  one.queue.finish()
  two.queue.close(new Error('left'))
  expect(log).toEqual(['first'])
  all.remove(two)
  expect(log).toEqual(['first', 'second'])
  // Rows that nobody wants, or that all who wanted them have left, are not handled.
  all.pushRead('Visit', [{ ...read, model: 'Visit' }], 0, () => log.push('nobody'))
  expect(log).not.toContain('nobody')
})

test('rows that were read count for their text too, so that wide ones wait at the server', () => {
  const view = defineView('w', (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name })))
  const captured = capture('Shop', [view])
  const set = new ConsumerSet(
    checkOptions({
      schema,
      connection: 'postgresql://localhost/nowhere',
      handlers: { Shop: { read: () => new Promise(() => {}) } },
    }),
    { xidReference: () => xid8(1n), onHandled() {}, onRoom() {}, onFailed() {} },
  )
  const name = 'x'.repeat(1024 * 1024)
  const at = { lsn: lsn(1n), commitTime: new Date(0) }
  let chunks = 0
  for (; chunks < 50 && set.consumers.hasRoom; chunks += 1) {
    set.pushChunk(chunkOf(captured, '100:100:', [{ id: `a${chunks}`, name }]), new Unsettled(), at, () => {})
  }
  expect(chunks).toBeLessThan(12)
})

test('waiting for the next item ends with the time given', async () => {
  const { queue } = consumer()
  expect(await queue.next(5)).toBe('timeout')
  const next = queue.next(60_000)
  queue.push(transaction(1))
  expect(await next).toMatchObject({ kind: 'transaction' })
})

test('rows of a chunk reach the handlers that read them, and a chunk that must be read again gives nothing', async () => {
  const view = defineView('v', (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id, name: h.name })))
  const captured = capture('Shop', [view])
  const seen: string[] = []
  const failures: unknown[] = []
  const set = new ConsumerSet(
    checkOptions({
      schema,
      connection: 'postgresql://localhost/nowhere',
      handlers: {
        Shop: { read: ({ after, tx }: ReadChange) => void seen.push(`${JSON.stringify(after)} ${tx.lsn}`) },
      },
    }),
    { xidReference: () => xid8(1n), onHandled() {}, onRoom() {}, onFailed: (error) => failures.push(error) },
  )
  expect([set.mayRead, set.consumers.wantsRead('Shop')]).toEqual([true, true])
  set.noteModels(new Map([[captured.wire.oid, captured.model]]))
  const at = { lsn: lsn(77n), commitTime: new Date(0) }
  const chunk = chunkOf(captured, '100:100:', [{ id: 'a', name: 'n' }])
  const unsettled = new Unsettled()
  const whole = transactionOf(101, 1_010n, [
    message.relation(captured.wire),
    message.truncate([captured.wire]),
  ])
  await new Promise<void>((handled) => {
    expect(set.pushChunk(chunk, unsettled, at, handled)).toBe(true)
  })
  expect(seen).toEqual(['{"id":"a","name":"n"} 77'])
  unsettled.add({ ...whole, spans: [], isPartial: true })
  expect(set.pushChunk(chunk, unsettled, at, () => seen.push('handled'))).toBe(false)
  await set.close(new Error('closed'), 1_000)
  expect([seen.length, failures]).toEqual([1, []])
})
