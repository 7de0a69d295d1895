import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Backoff, sleep } from '../../../src/core/backoff.ts'
import { DbsyncError, ERROR_CODES, invariant, isDbsyncError } from '../../../src/core/errors.ts'

test('waits lie under a doubling ceiling, never under half the first, and begin anew after a success that lasts', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 500, max: 20_000 }), (base, max) => {
      const backoff = new Backoff(base, max)
      for (let round = 0; round < 2; round += 1) {
        for (let attempt = 0; attempt < 12; attempt += 1) {
          const wait = backoff.nextMs()
          expect(backoff.attempts).toBe(attempt + 1)
          expect(wait).toBeGreaterThanOrEqual(base / 2)
          expect(wait).toBeLessThanOrEqual(Math.min(max, base * 2 ** attempt))
        }
        backoff.noteSuccess()
        vi.advanceTimersByTime(5_001)
      }
      // What dies as soon as it lives counts on.
      backoff.noteSuccess()
      vi.advanceTimersByTime(4_999)
      backoff.nextMs()
      expect(backoff.attempts).toBe(13)
    }),
  )
})

test('waits differ, so that many clients do not come back at once', () => {
  const waits = Array.from({ length: 50 }, () => {
    const backoff = new Backoff(100, 10_000)
    for (let attempt = 0; attempt < 6; attempt += 1) backoff.nextMs()
    return backoff.nextMs()
  })
  expect(new Set(waits).size).toBeGreaterThan(40)
  expect(Math.max(...waits)).toBeGreaterThan(1_000)
})

test('sleep ends with its signal: the reason itself, or an error that carries it', async () => {
  const reason = new DbsyncError('SYNC.CLOSED', 'closed')
  const [before, during, odd] = [new AbortController(), new AbortController(), new AbortController()]
  before.abort(reason)
  await expect(sleep(10_000, before.signal)).rejects.toBe(reason)
  const sleeping = sleep(10_000, during.signal)
  during.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
  odd.abort('text')
  await expect(sleep(10_000, odd.signal)).rejects.toMatchObject({ cause: 'text' })
  const done = new AbortController()
  await sleep(1, done.signal)
  done.abort(reason)
})

test('an error knows its recovery, and is recognised across copies of the package', () => {
  const error = new DbsyncError('SLOT.IN_USE', 'found', { details: { slot: 's' }, cause: 'why' })
  expect(error).toMatchObject({
    name: 'DbsyncError',
    recovery: 'yield',
    details: { slot: 's' },
    cause: 'why',
  })
  expect(new DbsyncError('SYNC.CLOSED', 'x').cause).toBeUndefined()
  const foreign = Object.assign(new Error('x'), { name: 'DbsyncError', code: 'SLOT.IN_USE' })
  expect([
    isDbsyncError(foreign),
    isDbsyncError(foreign, 'SLOT.IN_USE'),
    isDbsyncError(foreign, 'SLOT.MISSING'),
  ]).toEqual([true, true, false])
  for (const other of [null, 'x', {}, new Error('x'), { name: 'DbsyncError', code: 'SLOT.IN_USE' }]) {
    expect(isDbsyncError(other)).toBe(false)
  }
  expect(() => invariant(false, 'no way')).toThrow(/bug in DBSync: no way/)
  expect(() => invariant(1, 'fine')).not.toThrow()
  for (const [, meaning] of Object.values(ERROR_CODES)) expect(meaning).toMatch(/^[a-z].*[^.]$/)
})
