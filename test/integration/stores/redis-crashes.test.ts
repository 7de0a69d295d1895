import fc from 'fast-check'
import type { RedisClientType } from 'redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { redisPosition } from '../../../src/stores/redis/redis-position.ts'
import type { RedisStoreOptions } from '../../../src/stores/redis/redis-store.ts'
import type { StoredValues, StoredView } from '../../../src/stores/view-store.ts'
import {
  redisClient,
  redisPlace,
  redisRows,
  startRedis,
  type Hooks,
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

const ALL = [ratings, visits, total]

/** The rows that a history leaves after each of its batches, by key. */
type Content = ReadonlyMap<string, string>
function contentsOf(prefix: string, batches: readonly Batch[]): Content[] {
  let content = new Map<string, string>()
  return batches.map(({ kind, gone = [], rows = [] }) => {
    content = new Map(kind === 'whole' ? [] : content)
    const nameOf = (view: StoredView, key: StoredValues): string => `${prefix}:${view.name}:${key.map((text) => text ?? '%N').join(':')}` // prettier-ignore
    for (const [view, ...keys] of gone) for (const key of keys) content.delete(nameOf(view, key))
    for (const [view, ...values] of rows) {
      for (const row of values) {
        const key = view.key.map(
          (name) => row[view.columns.findIndex((column) => column.name === name)] ?? null,
        )
        const fields = view.columns.flatMap(({ name }, column) =>
          row[column] == null ? [] : [[name, row[column]]],
        )
        content.set(
          nameOf(view, key),
          JSON.stringify(Object.fromEntries(fields.length === 0 ? [['', '']] : fields)),
        )
      }
    }
    return content
  })
}

async function contentOf(prefix: string): Promise<Content> {
  const rows = Object.entries(await redisRows(client, prefix))
  const noted = await Promise.all(ALL.map(({ name }) => client.hKeys(`${prefix}:@rows:${name}`)))
  expect(noted.flat().toSorted()).toEqual(rows.map(([key]) => key).toSorted())
  return new Map(rows.map(([key, value]) => [key, JSON.stringify(value)] as const))
}

const sorted = (content: Content): unknown => [...content].toSorted(([a], [b]) => (a < b ? -1 : 1))

/**
 * Writes a history the way an engine does: what was not committed is repeated, everything where the store knows no position. A
 * break ends the connection; with `isProcess` the writer goes with it. Returns how many breaks there were.
 */
async function survive(
  at: RedisPlace,
  batches: readonly Batch[],
  hooks: Hooks,
  options: RedisStoreOptions & { readonly isProcess: boolean },
): Promise<number> {
  const { isProcess, ...storeOptions } = options
  const contents = contentsOf(at.prefix, batches)
  let store = at.store(storeOptions, hooks)
  let isOwner = false
  let isOpen = false
  let isWhole = true
  let breaks = 0
  for (const [index, batch] of batches.entries()) {
    for (;;) {
      try {
        if (!isOpen) {
          const position = await store.open(ALL, { takeOver: !isOwner })
          isOwner = true
          isOpen = true
          isWhole = position === null
        }
        const rows = [...allRows(batches.slice(0, index + 1)).entries()].flatMap(([view, list]) => [
          [view, ...list] as const,
        ])
        await writeBatch(store, ALL, isWhole ? { kind: 'whole', lsn: batch.lsn, rows } : batch)
        isWhole = false
        break
      } catch (error) {
        if (!isDbsyncError(error, 'STORE.UNAVAILABLE')) throw error
        breaks += 1
        isOpen = false
        await expectTrue(at.prefix, batches, contents, batch.lsn)
        if (isProcess) {
          await store.close()
          store = at.store(storeOptions, hooks)
          isOwner = false
        }
      }
    }
  }
  expect(sorted(await contentOf(at.prefix))).toEqual(sorted(contents.at(-1) ?? new Map()))
  const last = batches.at(-1)?.lsn ?? 0
  expect(await redisPosition(client, ratings, at)).toEqual({
    lsn: BigInt(last),
    isWriting: false,
    failed: null,
  })
  return breaks
}

/**
 * Whatever position readers are told, the rows are those of that position; while a batch is being written, the position is one before
 * it, or its own where it is repeated since the answer of its commit was lost.
 */
async function expectTrue(
  prefix: string,
  batches: readonly Batch[],
  contents: readonly Content[],
  writing: number,
): Promise<void> {
  const position = await redisPosition(client, ratings, { prefix })
  if (position?.isWriting === true) {
    expect(Number(position.lsn ?? 0)).toBeLessThanOrEqual(writing)
    return
  }
  const index = batches.findIndex(({ lsn }) => BigInt(lsn) === position?.lsn)
  expect(sorted(await contentOf(prefix))).toEqual(sorted(contents[index] ?? new Map()))
}

/** All rows after some batches. */
function allRows(batches: readonly Batch[]): Map<StoredView, StoredValues[]> {
  const rows = new Map<StoredView, Map<string, StoredValues>>(ALL.map((view) => [view, new Map()]))
  for (const { kind, gone = [], rows: come = [] } of batches) {
    if (kind === 'whole') for (const content of rows.values()) content.clear()
    for (const [view, ...keys] of gone) for (const key of keys) rows.get(view)?.delete(JSON.stringify(key))
    for (const [view, ...values] of come) {
      for (const row of values) {
        const key = view.key.map(
          (name) => row[view.columns.findIndex((column) => column.name === name)] ?? null,
        )
        rows.get(view)?.set(JSON.stringify(key), row)
      }
    }
  }
  return new Map([...rows].map(([view, content]) => [view, [...content.values()]]))
}

const HISTORY: readonly Batch[] = [
  { kind: 'whole', lsn: 100, rows: [[ratings, ['r1', '1', null], ['r2', '2', '1'], ['r3', '3', null]], [total, ['1']]] },
  { kind: 'changes', lsn: 200, gone: [[ratings, ['r1']]], rows: [[ratings, ['r4', '4', null]], [total, [null]]] },
  { kind: 'changes', lsn: 300, gone: [[ratings, ['r2'], ['r3']]], rows: [[visits, ['1', 'x'], ['2', null]], [ratings, ['r1', '5', '2.5']]] },
  { kind: 'whole', lsn: 400, rows: [[ratings, ['r4', '7', null]], [visits, ['1', 'x'], ['3', 'y']]] },
] // prettier-ignore

const isSoak = process.env['SOAK'] === '1'

/** The ordinary run has each of the three both ways, the long one every combination. */
const BREAKS = [
  { when: 'before', who: 'connection', maxRows: 2 },
  { when: 'after', who: 'writer', maxRows: 2 },
  { when: 'before', who: 'writer', maxRows: 100 },
  { when: 'after', who: 'connection', maxRows: 100, isLong: true },
  { when: 'before', who: 'writer', maxRows: 2, isLong: true },
  { when: 'after', who: 'connection', maxRows: 2, isLong: true },
  { when: 'before', who: 'connection', maxRows: 100, isLong: true },
  { when: 'after', who: 'writer', maxRows: 100, isLong: true },
].filter(({ isLong = false }) => isSoak || !isLong)

test.each(BREAKS)(
  'a $who that ends $when any command, in transactions of $maxRows rows, loses and doubles nothing',
  async ({ when, who, maxRows }) => {
    for (let breakAt = 0; ; breakAt += 1) {
      await using at = redisPlace(client)
      let sent = 0
      // After a command: Redis has done it, and nobody gets the reply.
      const hook = (): void => {
        sent += 1
        if (sent === breakAt + 1) throw new Error('Socket closed unexpectedly')
      }
      const breaks = await survive(at, HISTORY, { [when]: hook }, { maxRows, isProcess: who === 'writer' })
      if (breaks > 0) continue
      expect(breakAt).toBeGreaterThan(30)
      break
    }
  },
)

test('random batches with random breaks leave what the last of them says', async () => {
  const text = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const number = fc.integer({ min: 0, max: 3 }).map(String)
  const rating = fc.tuple(text, number, fc.option(number))
  const visit = fc.tuple(number, fc.option(text))
  const batch = fc.record({
    kind: fc.constantFrom('changes', 'changes', 'changes', 'whole'),
    ratings: fc.uniqueArray(rating, { selector: ([id]) => id }),
    visits: fc.uniqueArray(visit, { selector: (row) => JSON.stringify(row) }),
    gone: fc.uniqueArray(text),
    left: fc.uniqueArray(fc.tuple(fc.option(text), number), { selector: (key) => JSON.stringify(key) }),
  })
  const histories = fc.array(batch, { minLength: 1, maxLength: 8 }).map((list) =>
    list.map((item, index): Batch => ({
      kind: index === 0 || item.kind === 'whole' ? 'whole' : 'changes',
      lsn: (index + 1) * 100,
      gone:
        item.kind === 'whole'
          ? []
          : [
              [ratings, ...item.gone.map((id) => [id])],
              [visits, ...item.left],
            ],
      rows: [
        [ratings, ...item.ratings],
        [visits, ...item.visits],
      ],
    })),
  )
  const breaks = fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.boolean()), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(
      histories,
      breaks,
      fc.integer({ min: 1, max: 6 }),
      fc.boolean(),
      async (history, gaps, maxRows, isProcess) => {
        await using at = redisPlace(client)
        const waiting = [...gaps]
        let left = waiting[0]?.[0] ?? Infinity
        const hook = (isAfter: boolean) => (): void => {
          const [next] = waiting
          if (next === undefined || next[1] !== isAfter) return
          left -= 1
          if (left > 0) return
          waiting.shift()
          left = waiting[0]?.[0] ?? Infinity
          throw new Error('Socket closed unexpectedly')
        }
        const hooks = { before: hook(false), after: hook(true) }
        expect(await survive(at, history, hooks, { maxRows, isProcess })).toBe(gaps.length - waiting.length)
      },
    ),
    { numRuns: isSoak ? 2_000 : 50 },
  )
})
