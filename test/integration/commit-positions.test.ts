import { PrismaPg } from '@prisma/adapter-pg'
import { describe, expect, test } from 'vitest'
import { lastCommit, trackCommits, withCommitLsn, type Lsn } from 'prisma-dbsync'
import { PrismaClient } from '../../generated/client/client.ts'
import { clientOf, position, running } from '../support/client.ts'
import { testDatabase } from '../support/database.ts'
import { proxy, until, within } from '../support/faults.ts'
import { exampleSync } from '../support/views.ts'

/*
 * What an adapter with `withCommitLsn` tells of the commits of a request, and that it is the same adapter in all else.
 */

describe('commits', () => {
  test('of requests at the same time are apart, and those of an inner scope are of the outer one too', async () => {
    await using it = await running()
    const { prisma } = it
    await trackCommits(async () => {
      const found = await Promise.all(
        Array.from({ length: 12 }, (_, at) =>
          trackCommits(async () => {
            if (at % 3 === 0) await prisma.restaurant.findMany()
            else await prisma.restaurant.create({ data: { id: `r${at}`, name: 'x' } })
            return { at, lsn: lastCommit() }
          }),
        ),
      )
      expect(found.filter(({ lsn }) => lsn === null).map(({ at }) => at)).toEqual([0, 3, 6, 9])
      const last = found.reduce((most, { lsn }) => (lsn !== null && lsn > most ? lsn : most), 0n)
      expect(lastCommit()).toBe(last)
      expect(new Set(found.map(({ lsn }) => lsn)).size).toBeGreaterThan(2)
    })
  })

  test('end at or before the position that is told, and after the one before', async () => {
    await using it = await running()
    const seen: Lsn[] = []
    it.sync.views.restaurantRating.subscribe(({ lsn }) => seen.push(lsn))
    for (let at = 0; at < 20; at += 1) {
      const before = await position(it.db)
      const told = await trackCommits(async () => {
        await it.prisma.restaurant.create({ data: { id: `r${at}`, name: 'x' } })
        return lastCommit()
      })
      await until(() => seen.length > at)
      expect(seen[at]).toBeGreaterThan(before)
      expect(told).toBeGreaterThanOrEqual(seen[at] ?? 0n)
    }
  })

  test('are none where something was rolled back, read, or refused', async () => {
    await using it = await running()
    const { prisma } = it
    await prisma.restaurant.create({ data: { id: 'r1', name: 'x' } })
    await prisma.$executeRawUnsafe(
      'CREATE FUNCTION rename(text) RETURNS text LANGUAGE sql AS $$ UPDATE restaurant SET name = $1 RETURNING name $$',
    )
    const toldOf = (work: () => Promise<unknown>): Promise<string> =>
      trackCommits(async () => {
        const outcome = await work().then(
          () => 'done',
          () => 'refused',
        )
        return `${outcome}, ${lastCommit() === null ? 'none' : 'told'}`
      })
    const taken = { data: { id: 'r1', name: 'y' } }
    expect({
      read: await toldOf(() =>
        prisma.restaurant.findMany({ include: { visits: { include: { user: true } } } }),
      ),
      aggregate: await toldOf(() =>
        prisma.visit.groupBy({ by: ['restaurantId'], _avg: { visitRating: true }, _count: true }),
      ),
      reading: await toldOf(() => prisma.$transaction((tx) => tx.restaurant.count())),
      function: await toldOf(() => prisma.$queryRaw`SELECT rename('z')`),
      taken: await toldOf(() => prisma.restaurant.create(taken)),
      thrown: await toldOf(() =>
        prisma.$transaction(async (tx) => {
          await tx.restaurant.update({ where: { id: 'r1' }, data: { name: 'y' } })
          throw new Error('no')
        }),
      ),
      // Postgres answers COMMIT by rolling back, and Prisma Client does not notice.
      swallowed: await toldOf(() =>
        prisma.$transaction(async (tx) => {
          await tx.restaurant.create({ data: { id: 'r2', name: 'y' } })
          await tx.restaurant.create(taken).catch(() => {})
        }),
      ),
      savepoint: await toldOf(() =>
        prisma.$transaction(async (tx) => {
          await tx.restaurant.create({ data: { id: 'r3', name: 'y' } })
          await tx.$executeRaw`SAVEPOINT before`
          await tx.restaurant.create(taken).catch(() => {})
          await tx.$executeRaw`ROLLBACK TO SAVEPOINT before`
        }),
      ),
      batch: await toldOf(() =>
        prisma.$transaction([
          prisma.restaurant.create({ data: { id: 'r4', name: 'y' } }),
          prisma.restaurant.create(taken),
        ]),
      ),
      timeout: await toldOf(() =>
        prisma.$transaction(
          async (tx) => {
            await tx.restaurant.create({ data: { id: 'r5', name: 'y' } })
            await tx.$executeRaw`SELECT pg_sleep(0.3)`
          },
          { timeout: 100 },
        ),
      ),
    }).toEqual({
      read: 'done, none',
      aggregate: 'done, none',
      reading: 'done, none',
      function: 'done, told',
      taken: 'refused, none',
      thrown: 'refused, none',
      swallowed: 'done, none',
      savepoint: 'done, told',
      batch: 'refused, none',
      timeout: 'refused, none',
    })
    const rows = await prisma.restaurant.findMany({
      orderBy: { id: 'asc' },
      select: { id: true, name: true },
    })
    expect(rows).toEqual([
      { id: 'r1', name: 'z' },
      { id: 'r3', name: 'y' },
    ])
  })

  test("of batches that begin in the same turn are nobody else's alone", async () => {
    await using it = await running()
    const { prisma, sync } = it
    // Prisma Client runs all of them in the async context of the first.
    const ids = ['r1', 'r2', 'r3', 'r4']
    const made = ids.map((id) =>
      trackCommits(async () => {
        await prisma.$transaction([prisma.restaurant.create({ data: { id, name: id } })])
        expect(lastCommit()).not.toBeNull()
        return (await sync.views.restaurantRating.at()).get(id)?.name
      }),
    )
    expect(await Promise.all(made)).toEqual(ids)
  })

  test('begin in the scope, also where what Prisma Client gives is handed on', async () => {
    await using it = await running()
    const begun: (Lsn | null)[] = []
    const prisma = it.prisma.$extends({
      query: {
        $allOperations({ args, query }) {
          // Throws outside of a scope.
          begun.push(lastCommit())
          return query(args)
        },
      },
    })
    const made = await trackCommits(() => prisma.restaurant.create({ data: { id: 'r1', name: 'x' } }))
    expect([made.name, begun]).toEqual(['x', [null]])
  })

  test('whose position the server does not tell are waited for all the same', async () => {
    await using db = await testDatabase()
    const link = await proxy(db.url)
    const { sync } = exampleSync(link.url)
    const role = `role_${db.name}`
    await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
    const url = new URL(db.url)
    url.username = role
    url.password = 'x'
    const prisma = clientOf(url.href)
    try {
      await sync.start()
      const stream = link.links.find(({ name }) => name === 'dbsync replication')
      await db.query(
        `GRANT ALL ON restaurant TO ${role}; REVOKE EXECUTE ON FUNCTION pg_current_wal_insert_lsn() FROM PUBLIC`,
      )
      for (const [id, write] of Object.entries({
        one: () => prisma.restaurant.create({ data: { id: 'one', name: 'x' } }),
        two: () => prisma.$transaction((tx) => tx.restaurant.create({ data: { id: 'two', name: 'x' } })),
      })) {
        stream?.server.pause()
        await trackCommits(async () => {
          await write()
          expect(() => lastCommit()).toThrow(expect.objectContaining({ code: 'POSTGRES.QUERY_FAILED' }))
          const view = sync.views.restaurantRating.at()
          expect(await within(200, view)).toBe('timeout')
          stream?.server.resume()
          expect((await view).get(id)?.name).toBe('x')
        })
        trackCommits(() => expect(lastCommit()).toBeNull())
      }
    } finally {
      await prisma.$disconnect()
      await sync.close()
      link.close()
      await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })
})

describe('a client whose adapter reports commits', () => {
  /** Everything that a client does, and how each ends: its result, or the error as an application sees it. */
  const outcomes = async (prisma: PrismaClient): Promise<Readonly<Record<string, unknown>>> => {
    const visit = { userId: 1, restaurantId: 'r1', amountSpent: 12.5, visitRating: 4 }
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      create: () => prisma.restaurant.create({ data: { id: 'r1', name: 'one', tags: ['a', 'b'] } }),
      taken: () => prisma.restaurant.create({ data: { id: 'r1', name: 'one' } }),
      createMany: () =>
        prisma.restaurant.createMany({
          data: [
            { id: 'r2', name: 'two' },
            { id: 'r3', name: 'three' },
          ],
        }),
      returning: () => prisma.restaurant.createManyAndReturn({ data: [{ id: 'r4', name: 'four' }] }),
      nested: () =>
        prisma.user.create({
          data: {
            id: 1,
            firstName: 'a',
            userName: 'a',
            email: 'a',
            visits: { create: [{ restaurantId: 'r1', amountSpent: 1 }] },
          },
        }),
      orphan: () => prisma.visit.create({ data: { ...visit, restaurantId: 'none' } }),
      update: () =>
        prisma.visit.update({
          where: { userId_restaurantId: { userId: 1, restaurantId: 'r1' } },
          data: visit,
        }),
      missing: () => prisma.restaurant.update({ where: { id: 'none' }, data: { name: 'x' } }),
      upsert: () =>
        prisma.restaurant.upsert({
          where: { id: 'r5' },
          create: { id: 'r5', name: 'five' },
          update: { name: 'x' },
        }),
      many: () => prisma.restaurant.updateMany({ where: { rating: null }, data: { rating: 3 } }),
      find: () =>
        prisma.restaurant.findMany({
          include: { visits: { include: { user: true } } },
          orderBy: { id: 'asc' },
        }),
      none: () => prisma.restaurant.findUniqueOrThrow({ where: { id: 'none' } }),
      aggregate: () =>
        prisma.visit.aggregate({ _sum: { amountSpent: true }, _avg: { visitRating: true }, _count: true }),
      interactive: () =>
        prisma.$transaction(
          async (tx) => {
            await tx.restaurant.delete({ where: { id: 'r2' } })
            return tx.restaurant.count()
          },
          { isolationLevel: 'Serializable' },
        ),
      thrown: () =>
        prisma.$transaction(async (tx) => {
          await tx.restaurant.deleteMany()
          throw new Error('thrown')
        }),
      swallowed: () =>
        prisma.$transaction(async (tx) => {
          await tx.restaurant.create({ data: { id: 'r6', name: 'six' } })
          return tx.restaurant.create({ data: { id: 'r1', name: 'x' } }).catch(() => 'swallowed')
        }),
      late: () =>
        prisma.$transaction(
          async (tx) => {
            await tx.restaurant.create({ data: { id: 'r7', name: 'seven' } })
            await tx.$queryRaw`SELECT pg_sleep(0.3)::text`
            return tx.restaurant.count()
          },
          { timeout: 100 },
        ),
      batch: () =>
        prisma.$transaction([
          prisma.restaurant.create({ data: { id: 'r8', name: 'eight' } }),
          prisma.restaurant.count(),
        ]),
      failing: () =>
        prisma.$transaction([
          prisma.restaurant.create({ data: { id: 'r9', name: 'nine' } }),
          prisma.restaurant.create({ data: { id: 'r1', name: 'x' } }),
        ]),
      raw: () =>
        prisma.$queryRaw`INSERT INTO restaurant (id, name, tags) VALUES ('r10', 'ten', '{}') RETURNING id`,
      executed: () => prisma.$executeRaw`UPDATE restaurant SET rating = 1`,
      syntax: () => prisma.$executeRawUnsafe('SELEC 1'),
      deferred: () =>
        prisma.$transaction(async (tx) => {
          await tx.$executeRawUnsafe('SET CONSTRAINTS ALL DEFERRED')
          await tx.$executeRawUnsafe("INSERT INTO late_key VALUES ('none')")
        }),
      left: () => prisma.restaurant.findMany({ orderBy: { id: 'asc' } }),
    }
    const ended: Record<string, unknown> = {}
    for (const [name, call] of Object.entries(calls)) {
      ended[name] = await call().catch((error: unknown) => {
        const { name: kind, message, code, meta } = error as Error & { code?: string; meta?: object }
        const text = message
          .replaceAll(/\d+ ms/g, 'N ms')
          .split('\n')
          .at(-1)
        return { kind, code, text, meta: { ...meta, timeTaken: null } }
      })
    }
    return ended
  }

  test('answers, fails and writes as without', async () => {
    const run = async (adapterOf: (adapter: PrismaPg) => PrismaPg, inScope: boolean): Promise<unknown> => {
      await using db = await testDatabase()
      await db.query('CREATE TABLE late_key (id text REFERENCES restaurant DEFERRABLE)')
      const log: string[] = []
      const prisma = new PrismaClient({
        adapter: adapterOf(new PrismaPg({ connectionString: db.url })),
        log: [{ emit: 'event', level: 'query' }],
      })
      prisma.$on('query', ({ query }) => log.push(query))
      const ended = await (inScope ? trackCommits(() => outcomes(prisma)) : outcomes(prisma))
      await prisma.$disconnect()
      return { ended, log }
    }
    const without = await run((adapter) => adapter, false)
    expect(await run(withCommitLsn, true)).toEqual(without)
    expect(await run(withCommitLsn, false)).toEqual(without)
    expect(withCommitLsn(new PrismaPg({}))).toBeInstanceOf(PrismaPg)
  })

  test('is one of PostgreSQL', () => {
    const other = { provider: 'sqlite', connect: () => Promise.reject(new Error('not called')) }
    expect(() => withCommitLsn(other)).toThrow(expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' }))
  })

  test('keeps its other members, private ones too', () => {
    class Factory {
      readonly provider = 'postgres'
      readonly #name = 'own'
      name(): string {
        return this.#name
      }
      connect(): Promise<never> {
        return Promise.reject(new Error(this.#name))
      }
    }
    expect(withCommitLsn(new Factory()).name()).toBe('own')
  })
})
