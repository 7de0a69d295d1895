import { expect, test } from 'vitest'
import { EventDecoder } from '../../../src/changes/event-decoder.ts'
import type { AnyChange } from '../../../src/changes/change.ts'
import type { DbsyncError } from '../../../src/core/errors.ts'
import { xid8 } from '../../../src/core/xid.ts'
import { HandlerQueue, type ModelHandlers } from '../../../src/engine/handler-queue.ts'
import { defineView } from '../../../src/views/define-view.ts'
import type { Transaction } from '../../../src/wal/transaction.ts'
import { schema, Shop } from '../../conformance/fixture.ts'
import { capture } from '../../support/captured.ts'
import { message, transactionOf } from '../../support/pgoutput.ts'

const view = defineView('v', (q) => q.from({ h: Shop }).select(({ h }) => ({ id: h.id })))
const { model, wire, row } = capture('Shop', [view])

/** The transaction `index`: its rows inserted, its end at 100 times the index plus 8. */
function insertOf(index: number, ...ids: string[]): Transaction {
  const inserts = ids.map((id) => message.insert(wire, row({ id, name: 'n', tags: '{}' })))
  return transactionOf(10 + index, BigInt(100 * index), [message.relation(wire), ...inserts])
}

interface Queue {
  readonly queue: HandlerQueue
  readonly log: string[]
  readonly failures: DbsyncError[]
  /** Resolves once the queue has nothing in hand. */
  readonly idle: () => Promise<void>
}

function queueOf(handlers: ModelHandlers, attempts = 3): Queue {
  const log: string[] = []
  const failures: DbsyncError[] = []
  const decoder = new EventDecoder(schema, new Map([[wire.oid, model]]), () => xid8(50n))
  const queue = new HandlerQueue(
    decoder,
    new Map([['Shop', handlers]]),
    { attempts },
    {
      onHandled: (position) => log.push(`handled ${position}`),
      onRetry: (name, op, attempt) => log.push(`retry ${name}.${op} ${attempt}`),
      onFailed: (error) => failures.push(error),
    },
  )
  return {
    queue,
    log,
    failures,
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
