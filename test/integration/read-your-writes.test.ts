import { expect, test, describe } from 'vitest'
import fc from 'fast-check'
import { lastCommit, trackCommits, type Lsn } from 'prisma-dbsync'
import { clientOf, position, running } from '../support/client.ts'
import { testDatabase } from '../support/database.ts'
import { cutStream, proxy, sleep, until, within } from '../support/faults.ts'
import { exampleSync } from '../support/views.ts'

/*
 * Whoever writes through Prisma Client finds the write in the views: after `$fresh()`, and after `at()` of the own last commit.
 */

const PAGE_BYTES = 8_192n

describe('a write is in the views', () => {
  test('after $fresh() and after at(), in whatever order requests come and however they wrote', async () => {
    await using it = await running()
    const { sync } = it
    const { prisma } = it
    let made = 0
    /** Each writes its restaurant and its visits, and knows what the view must say of it. */
    const writes: Readonly<
      Record<string, (id: string) => Promise<{ readonly name: string; readonly visits: number }>>
    > = {
      create: async (id) => {
        await prisma.restaurant.create({ data: { id, name: 'created' } })
        return { name: 'created', visits: 0 }
      },
      nested: async (id) => {
        const visits = { create: [{ userId: 1, amountSpent: 3, visitRating: 4 }] }
        await prisma.restaurant.create({ data: { id, name: 'nested', visits } })
        return { name: 'nested', visits: 1 }
      },
      createMany: async (id) => {
        await prisma.restaurant.createMany({ data: [{ id, name: 'many' }] })
        await prisma.visit.createMany({ data: [{ restaurantId: id, userId: 1, amountSpent: 1 }] })
        return { name: 'many', visits: 1 }
      },
      interactive: async (id) => {
        await prisma.$transaction(async (tx) => {
          await tx.restaurant.create({ data: { id, name: 'first' } })
          await tx.restaurant.update({ where: { id }, data: { name: 'interactive' } })
        })
        return { name: 'interactive', visits: 0 }
      },
      batch: async (id) => {
        await prisma.$transaction([
          prisma.restaurant.create({ data: { id, name: 'batch' } }),
          prisma.visit.create({ data: { restaurantId: id, userId: 1, amountSpent: 1 } }),
        ])
        return { name: 'batch', visits: 1 }
      },
      raw: async (id) => {
        await prisma.$executeRaw`INSERT INTO restaurant (id, name, tags) VALUES (${id}, 'raw', '{}')`
        return { name: 'raw', visits: 0 }
      },
      hidden: async (id) => {
        await prisma.$queryRaw`WITH made AS (INSERT INTO restaurant (id, name, tags) VALUES (${id}, 'hidden', '{}') RETURNING id) SELECT id FROM made`
        return { name: 'hidden', visits: 0 }
      },
      upsert: async (id) => {
        for (const name of ['one', 'two'])
          await prisma.restaurant.upsert({ where: { id }, create: { id, name }, update: { name } })
        return { name: 'two', visits: 0 }
      },
    }
    const request = fc.record({
      write: fc.constantFrom(...Object.keys(writes)),
      wait: fc.constantFrom('fresh', 'at', 'viewAt', 'lastCommit'),
    })
    const one = async ({ write, wait }: { write: string; wait: string }): Promise<void> => {
      const id = `r${(made += 1)}`
      await trackCommits(async () => {
        const expected = await writes[write]?.(id)
        if (wait === 'fresh') await prisma.$fresh()
        else if (wait === 'at') await sync.at()
        else if (wait === 'viewAt') await sync.views.restaurantRating.at()
        else await sync.views.restaurantRating.at(lastCommit())
        const { name, visits } = sync.views.restaurantRating.get(id) ?? {}
        expect({ write, wait, name, visits }).toEqual({ write, wait, ...expected })
        expect(prisma.$views.restaurantRating).toBe(sync.views.restaurantRating)
      })
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 10, maxLength: 10 }),
        fc.integer({ min: 1, max: 6 }),
        async (requests, lanes) => {
          const queue = [...requests]
          const lane = async (): Promise<void> => {
            for (let next = queue.shift(); next !== undefined; next = queue.shift()) await one(next)
          }
          await Promise.all(Array.from({ length: lanes }, lane))
        },
      ),
      { numRuns: 30 },
    )
    expect(made).toBe(300)
  })

  test('not without waiting while the stream stands still, and at() waits for it', async () => {
    await using db = await testDatabase()
    const link = await proxy(db.url)
    const prisma = clientOf(db.url)
    const { sync } = exampleSync(link.url)
    try {
      await sync.start()
      const stream = link.links.find(({ name }) => name === 'dbsync replication')
      stream?.server.pause()
      await trackCommits(async () => {
        await prisma.restaurant.create({ data: { id: 'r1', name: 'late' } })
        expect(sync.views.restaurantRating.get('r1')).toBeUndefined()
        const waits = [
          sync.at(),
          sync.views.restaurantRating.at(),
          sync.views.restaurantRating.at(lastCommit()),
        ]
        expect(await Promise.all(waits.map((wait) => within(300, wait)))).toEqual([
          'timeout',
          'timeout',
          'timeout',
        ])
        expect(sync.views.restaurantRating.get('r1')).toBeUndefined()
        stream?.server.resume()
        await Promise.all(waits)
        expect(sync.views.restaurantRating.get('r1')?.name).toBe('late')
      })
    } finally {
      await sync.close()
      await prisma.$disconnect()
      link.close()
    }
  })

  test('after a stream that was lost meanwhile', async () => {
    await using it = await running()
    await trackCommits(async () => {
      await cutStream(it.db)
      await it.prisma.restaurant.create({ data: { id: 'r1', name: 'cut' } })
      const view = await it.sync.views.restaurantRating.at()
      expect(view.get('r1')?.name).toBe('cut')
      expect(view.readiness).toBe('live')
    })
  })

  test('on a server that is idle, at a position that no commit ends at', async () => {
    await using it = await running()
    // A record that fills its page: the next one would begin behind the header of the next page, where nothing ends.
    const emit = (bytes: bigint): Promise<unknown> =>
      it.db.query("SELECT pg_logical_emit_message(false, 'idle', repeat('x', $1))", [Number(bytes)])
    let end = await position(it.db)
    let overhead = 64n
    while (end % PAGE_BYTES !== 24n && end % PAGE_BYTES !== 40n) {
      const left = PAGE_BYTES - (end % PAGE_BYTES)
      const bytes = left > 800n ? left - overhead : 304n
      await emit(bytes)
      const next = await position(it.db)
      // What a record takes beside its text.
      if (bytes === 304n && left > 400n) overhead = next - end - bytes
      else if (left > 800n && next - end !== left) overhead += next > end + left ? 8n : -8n
      end = next
    }
    expect(await within(8_000, it.sync.at(end))).toBe('done')
    expect(it.sync.views.restaurantRating.lsn >= end).toBe(true)
  })
})

describe('waiting', () => {
  test('ends with the signal, and leaves nothing behind', async () => {
    await using db = await testDatabase()
    const link = await proxy(db.url)
    const { sync } = exampleSync(link.url)
    try {
      await sync.start()
      const stream = link.links.find(({ name }) => name === 'dbsync replication')
      stream?.server.pause()
      await db.query("INSERT INTO restaurant (id, name, tags) VALUES ('r1', 'x', '{}')")
      const end = await position(db)
      const stop = new AbortController()
      const reason = new Error('the request is gone')
      const waits = [sync.at(end, stop), sync.views.restaurantRating.at(end, stop)]
      const ended = Promise.allSettled(waits)
      expect(await within(200, ended)).toBe('timeout')
      stop.abort(reason)
      expect(await ended).toEqual([
        { status: 'rejected', reason },
        { status: 'rejected', reason },
      ])
      // Nobody waits any more, so nobody nudges the server.
      const nudges = (): Promise<{ at: string | null }[]> =>
        db.query(
          `SELECT max(query_start)::text AS at FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name = 'dbsync control' AND query LIKE '%nudge%'`,
        )
      await sleep(100)
      const [before] = await nudges()
      expect(before?.at).not.toBeNull()
      await sleep(900)
      expect([before?.at, null]).toContain((await nudges())[0]?.at)
      await expect(sync.at(end, stop)).rejects.toBe(reason)
      await expect(sync.at(end, { signal: AbortSignal.timeout(50) })).rejects.toThrow('timeout')
      const closed = sync.at(end)
      void sync.close()
      await expect(closed).rejects.toMatchObject({ code: 'SYNC.CLOSED' })
      await expect(sync.views.restaurantRating.at(null)).rejects.toMatchObject({ code: 'SYNC.CLOSED' })
    } finally {
      await sync.close()
      link.close()
    }
  })

  test('is refused where it would never end, and not needed where nothing was committed', async () => {
    await using it = await running()
    const { sync } = it
    const view = sync.views.restaurantRating
    const { sync: other } = exampleSync(it.db.url)
    await expect(other.at(null)).rejects.toMatchObject({ code: 'SYNC.STATE' })
    await expect(sync.at()).rejects.toMatchObject({ code: 'SYNC.STATE' })
    await expect(view.at()).rejects.toMatchObject({ code: 'SYNC.STATE' })
    expect(() => lastCommit()).toThrow(expect.objectContaining({ code: 'SYNC.STATE' }))
    await expect(view.at('0/1' as unknown as Lsn)).rejects.toMatchObject({ code: 'CONFIG.INVALID_OPTIONS' })
    const future = ((await position(it.db)) + 2n ** 40n) as Lsn
    await expect(view.at(future)).rejects.toMatchObject({ code: 'POSTGRES.HISTORY' })
    expect(await view.at(null)).toBe(view)
    expect(await trackCommits(() => view.at())).toBe(view)
    expect(await sync.at(view.lsn)).toBe(view.lsn)
    sync.removeView('user_spend')
    await expect(sync.views.userSpend.at(null)).rejects.toMatchObject({ code: 'VIEW.REMOVED' })
  })

  test('tells that a view has failed', async () => {
    await using it = await running()
    await trackCommits(async () => {
      await it.prisma.restaurant.create({ data: { id: 'r1', name: 'x' } })
      await it.prisma.$executeRawUnsafe('ALTER TABLE restaurant RENAME COLUMN name TO title')
      await it.prisma.$executeRawUnsafe("UPDATE restaurant SET title = 'y'")
      await expect(it.sync.views.restaurantRating.at()).rejects.toMatchObject({
        code: 'CONTRACT.COLUMN_MISSING',
      })
      expect((await it.sync.views.grandTotal.at()).size).toBe(1)
    })
  })

  test('goes on until a table of which changes were passed over is read again', async () => {
    await using db = await testDatabase()
    const link = await proxy(db.url)
    const { sync, events } = exampleSync(link.url)
    const writer = await db.connect()
    try {
      await sync.start()
      const stream = link.links.find(({ name }) => name === 'dbsync replication')
      stream?.server.pause()
      await db.query('ALTER TABLE restaurant RENAME COLUMN name TO title')
      await db.query("INSERT INTO restaurant (id, title, tags) VALUES ('r1', 'x', '{}')")
      const end = await position(db)
      await db.query('ALTER TABLE restaurant RENAME COLUMN title TO name')
      // Reading waits for it, as it may have written to the table before.
      await writer.query("BEGIN; INSERT INTO restaurant (id, name, tags) VALUES ('r2', 'y', '{}')")
      stream?.server.resume()
      const isWaiting = (): boolean =>
        events.some((event) => event.kind === 'waiting' && event.reason.includes('that are writing'))
      await until(isWaiting, 30_000)
      const shown = [sync.at(end), sync.views.restaurantRating.at(end), sync.catchUp()].map(async (wait) => {
        await wait
        return sync.views.restaurantRating.get('r1')?.name
      })
      expect(await within(500, Promise.race(shown))).toBe('timeout')
      await writer.query('COMMIT')
      expect(await Promise.all(shown)).toEqual(['x', 'x', 'x'])
    } finally {
      await sync.close()
      link.close()
    }
  })

  test('in a transaction is for what was committed before it', async () => {
    await using it = await running()
    const { prisma } = it
    await trackCommits(async () => {
      await prisma.restaurant.create({ data: { id: 'r1', name: 'before' } })
      await prisma.$transaction(async (tx) => {
        await tx.restaurant.create({ data: { id: 'r2', name: 'inside' } })
        await expect(tx.$fresh()).rejects.toMatchObject({ code: 'SYNC.STATE' })
        await tx.$views.restaurantRating.at()
        expect(tx.$views.restaurantRating.get('r1')?.name).toBe('before')
        expect(tx.$views.restaurantRating.get('r2')).toBeUndefined()
      })
      await prisma.$fresh()
      expect(prisma.$views.restaurantRating.get('r2')?.name).toBe('inside')
      // @ts-expect-error -- no such view
      expect(prisma.$views.restaurants).toBeUndefined()
    })
  })
})
