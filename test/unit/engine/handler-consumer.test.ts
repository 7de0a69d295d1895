import { expect, test } from 'vitest'
import { z } from 'zod'
import { EventDecoder } from '../../../src/changes/event-decoder.ts'
import type { AnyChange } from '../../../src/changes/change.ts'
import type { DbsyncError } from '../../../src/core/errors.ts'
import { lsn } from '../../../src/core/lsn.ts'
import { xid8 } from '../../../src/core/xid.ts'
import type { Attempted, OnError } from '../../../src/engine/attempt.ts'
import type { ConsumedTransaction } from '../../../src/engine/consumer-queue.ts'
import { HandlerConsumer, type ModelHandlers } from '../../../src/engine/handler-consumer.ts'
import { message as messageConsumer, type MessageConsumer } from '../../../src/engine/message.ts'
import { defineView } from '../../../src/views/define-view.ts'
import type { Transaction } from '../../../src/wal/transaction.ts'
import { schema, Shop } from '../../conformance/fixture.ts'
import { capture } from '../../support/captured.ts'
import { assemble, message, transactionFrames, transactionOf } from '../../support/pgoutput.ts'

const view = defineView('v', (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id })))
const { model, wire, row } = capture('Shop', [view])

/** The transaction `index`: its rows inserted, its end at 100 times the index plus 8. */
function insertOf(index: number, ...ids: string[]): Transaction {
  const inserts = ids.map((id) => message.insert(wire, row({ id, name: 'n', tags: '{}' })))
  return transactionOf(10 + index, BigInt(100 * index), [message.relation(wire), ...inserts])
}

interface Queue {
  readonly queue: {
    readonly isIdle: boolean
    readonly bytes: number
    readonly handled: bigint
    push(transaction: ConsumedTransaction): void
    close(graceMs: number): Promise<void>
  }
  readonly consumer: HandlerConsumer
  readonly log: string[]
  readonly failures: DbsyncError[]
  readonly skipped: Attempted[]
  /** Resolves once the queue has nothing in hand. */
  readonly idle: () => Promise<void>
}

function queueOf(
  handlers: ModelHandlers,
  attempts = 3,
  options: { readonly onError?: OnError; readonly messages?: ReadonlyMap<string, MessageConsumer> } = {},
): Queue {
  const log: string[] = []
  const failures: DbsyncError[] = []
  const skipped: Attempted[] = []
  const decoder = new EventDecoder(schema, new Map([[wire.oid, model]]), () => xid8(50n))
  const consumer: HandlerConsumer = new HandlerConsumer(
    decoder,
    {
      handlers: new Map([['Shop', handlers]]),
      messages: options.messages ?? new Map<string, MessageConsumer>(),
      policy: { onError: options.onError ?? 'retry', attempts },
    },
    {
      onHandled: () => log.push(`handled ${consumer.queue.handled}`),
      onTaken() {},
      onRetry: (name, op, attempt) => log.push(`retry ${name}.${op} ${attempt}`),
      onSkipped: (change) => skipped.push(change),
      onFailed: (error) => failures.push(error),
    },
  )
  const { queue } = consumer
  return {
    queue: {
      get isIdle() {
        return queue.isIdle
      },
      get bytes() {
        return queue.bytes
      },
      get handled() {
        return queue.handled
      },
      push: (transaction) => queue.push(transaction),
      close: (graceMs) => consumer.close(new Error('closed'), graceMs),
    },
    consumer,
    log,
    failures,
    skipped,
    async idle() {
      while (!queue.isIdle && failures.length === 0) await new Promise((done) => setTimeout(done, 1))
    },
  }
}

const idOf = (change: AnyChange): string => ('key' in change ? (change.key as { id: string }).id : 'all')
const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 2))

test('handlers are called one at a time, in commit order, each awaited before the next', async () => {
  const { queue, log, idle } = queueOf({
    async insert(change) {
      log.push(`begin ${idOf(change)}`)
      await pause()
      log.push(`end ${idOf(change)}`)
    },
    truncate: () => void log.push('truncate'),
  })
  expect(queue.isIdle).toBe(true)
  queue.push(insertOf(1, 'a', 'b'))
  queue.push(transactionOf(20, 200n, [message.relation(wire), message.truncate([wire])]))
  queue.push(insertOf(3, 'c'))
  // Off the caller's turn.
  expect([log, queue.isIdle]).toEqual([[], false])
  expect(queue.bytes).toBeGreaterThan(0)
  await idle()
  expect(log).toEqual([
    'begin a',
    'end a',
    'begin b',
    'end b',
    'handled 108',
    'truncate',
    'handled 208',
    'begin c',
    'end c',
    'handled 308',
  ])
  expect([queue.bytes, queue.handled]).toEqual([0, 308n])
  queue.push(insertOf(4, 'd'))
  await idle()
  expect(queue.handled).toBe(408n)
})

test('a transaction that no handler wants is handled too', async () => {
  const { queue, log, idle } = queueOf({ delete: () => void log.push('delete') })
  queue.push(insertOf(1, 'a'))
  await idle()
  expect(log).toEqual(['handled 108'])
})

test('a handler that throws is called again with the same change before anything later', async () => {
  const left = new Map([
    ['a', 0],
    ['b', 2],
    ['c', 1],
  ])
  const seen: AnyChange[] = []
  const { queue, log, idle, failures } = queueOf({
    insert(change) {
      seen.push(change)
      const id = idOf(change)
      const failing = left.get(id) ?? 0
      if (failing === 0) return undefined
      left.set(id, failing - 1)
      // A throw and a rejection are the same.
      if (failing === 2) throw new Error('thrown')
      return Promise.reject(new Error('rejected'))
    },
  })
  queue.push(insertOf(1, 'a', 'b'))
  queue.push(insertOf(2, 'c'))
  await idle()
  expect(seen.map(idOf)).toEqual(['a', 'b', 'b', 'b', 'c', 'c'])
  expect(seen[1]).toBe(seen[3])
  expect(log).toEqual([
    'retry Shop.insert 1',
    'retry Shop.insert 2',
    'handled 108',
    'retry Shop.insert 1',
    'handled 208',
  ])
  expect(failures).toEqual([])
})

test('attempts that are used up stop the queue: nothing more is handled, nothing confirmed', async () => {
  const cause = new Error('mine, with a row value')
  const calls: string[] = []
  const { queue, log, failures, idle } = queueOf(
    {
      insert(change) {
        calls.push(idOf(change))
        if (idOf(change) === 'b') throw cause
      },
    },
    2,
  )
  queue.push(insertOf(1, 'a'))
  queue.push(insertOf(2, 'a2', 'b', 'c'))
  queue.push(insertOf(3, 'd'))
  await idle()
  await pause()
  expect(calls).toEqual(['a', 'a2', 'b', 'b'])
  expect(log).toEqual(['handled 108', 'retry Shop.insert 1'])
  expect(failures).toMatchObject([
    { code: 'HANDLER.FAILED', details: { model: 'Shop', op: 'insert', attempts: 2 } },
  ])
  expect(failures[0]?.cause).toBe(cause)
  expect(failures[0]?.message).not.toContain('row value')
  expect([queue.isIdle, queue.handled, queue.bytes]).toEqual([false, 108n, 0])
  queue.push(insertOf(4, 'e'))
  await pause()
  expect([calls.length, queue.bytes]).toEqual([4, 0])
})

test('a value that does not fit its type stops the queue with its own code', async () => {
  const { queue, failures, idle } = queueOf({ insert: () => {} })
  const bad = message.insert(wire, row({ id: 'a', name: 'n', regionId: 'x', tags: '{}' }))
  queue.push(transactionOf(10, 100n, [message.relation(wire), bad]))
  await idle()
  expect(failures.map(({ code }) => code)).toEqual(['CHANGES.UNDECODABLE_VALUE'])
  expect(queue.isIdle).toBe(false)
})

test('close waits for the handler in hand and drops the rest, which was not handled', async () => {
  let release: () => void = () => {}
  const calls: string[] = []
  const { queue, log, failures } = queueOf({
    async insert(change) {
      calls.push(idOf(change))
      await new Promise<void>((done) => {
        release = done
      })
    },
  })
  queue.push(insertOf(1, 'a', 'b'))
  queue.push(insertOf(2, 'c'))
  await pause()
  let isClosed = false
  const closing = queue.close(10_000).then(() => {
    isClosed = true
  })
  await pause()
  expect(isClosed).toBe(false)
  release()
  await closing
  await pause()
  // Half a transaction is not handled; it comes again whole.
  expect([calls, log, failures, queue.handled]).toEqual([['a'], [], [], 0n])
})

test('close gives up on a handler that does not return, and ends the wait before another attempt', async () => {
  const stuck = queueOf({ insert: () => new Promise<void>(() => {}) })
  stuck.queue.push(insertOf(1, 'a'))
  await pause()
  const startMs = performance.now()
  await stuck.queue.close(30)
  expect(performance.now() - startMs).toBeLessThan(2_000)
  const failing = queueOf(
    {
      insert() {
        throw new Error('always')
      },
    },
    1_000,
  )
  failing.queue.push(insertOf(1, 'a'))
  while (failing.log.length === 0) await pause()
  await failing.queue.close(10_000)
  expect(performance.now() - startMs).toBeLessThan(2_000)
  expect(failing.failures).toEqual([])
  expect(await queueOf({}).queue.close(0)).toBeUndefined()
})

test('with onError skip a change whose attempts are used up is reported and left out, and the next ones come', async () => {
  const calls: string[] = []
  const { queue, log, failures, skipped, idle } = queueOf(
    {
      insert(change) {
        calls.push(idOf(change))
        if (idOf(change) === 'b') throw new Error('mine')
      },
    },
    2,
    { onError: 'skip' },
  )
  queue.push(insertOf(1, 'a', 'b', 'c'))
  queue.push(insertOf(2, 'd'))
  await idle()
  expect(calls).toEqual(['a', 'b', 'b', 'c', 'd'])
  expect(log).toEqual(['retry Shop.insert 1', 'handled 108', 'handled 208'])
  expect(skipped).toMatchObject([{ model: 'Shop', op: 'insert', lsn: 108n, seq: 1 }])
  expect(failures).toEqual([])
})

test('with onError stop a handler that throws is not called again, and with infinite attempts it is', async () => {
  let stopped = 0
  const first = queueOf(
    {
      insert() {
        stopped += 1
        throw new Error('mine')
      },
    },
    5,
    { onError: 'stop' },
  )
  first.queue.push(insertOf(1, 'a'))
  await first.idle()
  expect([stopped, first.log]).toEqual([1, []])
  expect(first.failures).toMatchObject([{ code: 'HANDLER.FAILED', details: { attempts: 1 } }])
  let left = 3
  const second = queueOf(
    { insert: () => (left-- > 0 ? Promise.reject(new Error('mine')) : undefined) },
    Infinity,
  )
  second.queue.push(insertOf(1, 'a'))
  await second.idle()
  expect([left, second.failures, second.queue.handled]).toEqual([-1, [], 108n])
})

test('messages are read by their schema or function, in their place, and counted as places', async () => {
  const seen: unknown[] = []
  const note = (event: {
    readonly content: unknown
    readonly prefix: string
    readonly tx: { seq: number }
  }) => void seen.push([event.prefix, event.content, event.tx.seq])
  const { consumer, idle, failures } = queueOf(
    { insert: (change) => void seen.push([idOf(change), change.tx.seq]) },
    1,
    {
      messages: new Map([
        ['zod', messageConsumer(z.object({ n: z.number() }), note)],
        ['text', messageConsumer((text, bytes) => `${text}/${bytes.length}`, note)],
      ]),
    },
  )
  const [one] = assemble(
    [
      Buffer.concat(
        transactionFrames(9, 100n, [
          message.logical('zod', '{"n":1,"more":2}'),
          message.relation(wire),
          message.insert(wire, row({ id: 'a', name: 'n', tags: '{}' })),
          message.logical('text', 'zwölf'),
          message.logical('dbsync.watermark', 'ours'),
          message.logical('unknown', 'x'),
          message.logical('zod', 'outside', false),
          message.insert(wire, row({ id: 'b', name: 'n', tags: '{}' })),
        ]),
      ),
    ],
    true,
  )
  if (one === undefined) throw new Error('no transaction')
  consumer.queue.push(one.transaction)
  await idle()
  expect(failures).toEqual([])
  expect(seen).toEqual([
    ['zod', { n: 1 }, 0],
    ['a', 1],
    ['text', 'zwölf/6', 2],
    ['b', 4],
  ])
})

test('a message that does not fit its schema follows onError, and the error quotes nothing of it', async () => {
  for (const content of ['{"n":"SECRET"}', 'SECRET']) {
    const { consumer, idle, failures } = queueOf({}, 1, {
      messages: new Map([['zod', messageConsumer(z.object({ n: z.number() }), () => {})]]),
    })
    const [one] = assemble(
      [Buffer.concat(transactionFrames(9, 100n, [message.logical('zod', content)]))],
      true,
    )
    if (one === undefined) throw new Error('no transaction')
    consumer.queue.push(one.transaction)
    await idle()
    const [failure] = failures
    expect(failure).toMatchObject({ code: 'HANDLER.FAILED', details: { model: 'zod', op: 'message' } })
    expect(failure?.cause).toMatchObject({ code: 'MESSAGE.INVALID' })
    expect(JSON.stringify([failure?.message, String(failure?.cause), failure?.cause])).not.toContain('SECRET')
  }
})

test('rows that were read come in their place, and whoever read them is told when they were handled', async () => {
  const { consumer, log, idle } = queueOf({
    insert: (change) => void log.push(`insert ${idOf(change)}`),
    read: (change) => void log.push(`read ${idOf(change)}`),
  })
  expect([...consumer.readModels]).toEqual(['Shop'])
  const tx = { xid: 0n, lsn: lsn(108n), commitTime: new Date(0), seq: 0 }
  const read: AnyChange = { model: 'Shop', op: 'read', key: { id: 'r' }, after: {}, tx }
  consumer.queue.push(insertOf(1, 'a'))
  consumer.queue.pushRead({ changes: [read], bytes: 10, onHandled: () => log.push('rows handled') })
  consumer.queue.push(insertOf(2, 'b'))
  await idle()
  expect(log).toEqual([
    'insert a',
    'handled 108',
    'read r',
    'rows handled',
    'handled 108',
    'insert b',
    'handled 208',
  ])
})
