import type { Prisma, PrismaClient } from '../../generated/client/client.ts'
import { FAVOURITES } from './seed.ts'

/** The keys that there are, as far as this process knows: all writers share one. */
export interface KnownKeys {
  readonly restaurants: string[]
  readonly users: number[]
}

/** What a writer does in one go: one transaction of Prisma Client. */
export interface WriterAction {
  readonly name: string
  /** How often it is chosen, relative to the others. */
  readonly weight: number
  run(prisma: PrismaClient, keys: KnownKeys): Promise<void>
}

/** Thrown by an action that wants its transaction to be rolled back. */
export class SecondThoughts extends Error {
  override readonly name = 'SecondThoughts'
}

/** One in three is a favourite, so that the top of the list moves. */
function someRestaurant({ restaurants }: KnownKeys): string {
  const among = Math.random() < 0.35 ? Math.min(FAVOURITES, restaurants.length) : restaurants.length
  return restaurants[Math.floor(Math.random() * among)] ?? 'r1'
}

function someUser({ users }: KnownKeys): number {
  return users[Math.floor(Math.random() * users.length)] ?? 1
}

/** From 1 to 5, or none. Favourites are liked, so they stay at the top. */
function someRating(isFavourite = Math.random() < 0.5): number | null {
  return Math.random() < 0.125 ? null : 1 + Math.floor(Math.random() ** (isFavourite ? 0.15 : 0.8) * 5)
}

function someAmount(): string {
  return (3 + Math.random() * 90).toFixed(2)
}

function newVisitTo(restaurantId: string, keys: KnownKeys): Prisma.VisitUncheckedCreateWithoutUserInput {
  const isFavourite = keys.restaurants.indexOf(restaurantId) < FAVOURITES
  return { restaurantId, amountSpent: someAmount(), visitRating: someRating(isFavourite) }
}

function newVisit(keys: KnownKeys): Prisma.VisitUncheckedCreateInput {
  return { userId: someUser(keys), ...newVisitTo(someRestaurant(keys), keys) }
}

/** A visit of a random user; null if that user has none. */
async function someVisit(
  prisma: Pick<PrismaClient, 'visit'>,
  keys: KnownKeys,
): Promise<Prisma.VisitWhereUniqueInput | null> {
  const where = { userId: someUser(keys) }
  const found = await prisma.visit.findFirst({ where, select: { userId: true, restaurantId: true } })
  return found === null ? null : { userId_restaurantId: found }
}

/** Another writer may have taken the item out meanwhile. */
function replaceItem<T>(list: T[], item: T, ...replacement: readonly T[]): void {
  const index = list.indexOf(item)
  if (index >= 0) list.splice(index, 1, ...replacement)
}

let serial = 0

/** So that no new key was there before. */
function nextSerial(): number {
  serial += 1
  return serial
}

/** Everything that the writers do. */
export const ACTIONS: readonly WriterAction[] = [
  {
    name: 'visit a restaurant',
    weight: 30,
    async run(prisma, keys) {
      await prisma.visit.create({ data: newVisit(keys) })
    },
  },
  {
    name: 'change a rating and an amount',
    weight: 30,
    async run(prisma, keys) {
      const where = await someVisit(prisma, keys)
      if (where === null) return
      await prisma.visit.update({ where, data: { visitRating: someRating(), amountSpent: someAmount() } })
    },
  },
  {
    name: 'delete a visit',
    weight: 12,
    async run(prisma, keys) {
      const where = await someVisit(prisma, keys)
      if (where !== null) await prisma.visit.delete({ where })
    },
  },
  {
    name: 'move a visit to another restaurant: its key changes',
    weight: 6,
    async run(prisma, keys) {
      const where = await someVisit(prisma, keys)
      if (where !== null) await prisma.visit.update({ where, data: { restaurantId: someRestaurant(keys) } })
    },
  },
  {
    name: 'give a restaurant another id, which its visits follow',
    weight: 0.5,
    async run(prisma, keys) {
      const id = someRestaurant(keys)
      const next = `${id.replace(/-.*/, '')}-${nextSerial()}`
      await prisma.restaurant.update({ where: { id }, data: { id: next } })
      replaceItem(keys.restaurants, id, next)
    },
  },
  {
    name: 'rename a restaurant',
    weight: 1,
    async run(prisma, keys) {
      const id = someRestaurant(keys)
      const { name } = await prisma.restaurant.findUniqueOrThrow({ where: { id } })
      const renamed = name.endsWith(' (neu)') ? name.slice(0, -6) : `${name} (neu)`
      await prisma.restaurant.update({ where: { id }, data: { name: renamed } })
    },
  },
  {
    name: 'an evening out: many rows in one transaction',
    weight: 6,
    async run(prisma, keys) {
      await prisma.$transaction(async (tx) => {
        const data = Array.from({ length: 8 }, () => newVisit(keys))
        await tx.visit.createMany({ data, skipDuplicates: true })
        const where = await someVisit(tx, keys)
        if (where !== null) await tx.visit.delete({ where })
        await tx.visit.updateMany({
          where: { userId: someUser(keys) },
          data: { amountSpent: { increment: 0.05 } },
        })
      })
    },
  },
  {
    name: 'second thoughts: everything is rolled back',
    weight: 6,
    async run(prisma, keys) {
      await prisma.$transaction(async (tx) => {
        await tx.visit.deleteMany({ where: { userId: someUser(keys) } })
        await tx.visit.create({ data: newVisit(keys) })
        throw new SecondThoughts('rolled back on purpose')
      })
    },
  },
  {
    name: 'a savepoint: the middle of a transaction is rolled back',
    weight: 6,
    async run(prisma, keys) {
      await prisma.$transaction(async (tx) => {
        await tx.visit.updateMany({ where: { userId: someUser(keys) }, data: { visitRating: someRating() } })
        await tx.$executeRaw`SAVEPOINT dessert`
        await tx.visit.deleteMany({ where: { userId: someUser(keys) } })
        await tx.$executeRaw`ROLLBACK TO SAVEPOINT dessert`
        await tx.visit.updateMany({ where: { userId: someUser(keys) }, data: { amountSpent: someAmount() } })
      })
    },
  },
  {
    name: 'a user joins, with visits',
    weight: 3,
    async run(prisma, keys) {
      const userName = `guest${nextSerial()}`
      const { id } = await prisma.user.create({
        data: {
          firstName: 'Zoë',
          userName,
          email: `${userName}@example.org`,
          visits: { create: newVisitTo(someRestaurant(keys), keys) },
        },
      })
      keys.users.push(id)
    },
  },
  {
    name: 'a user leaves, and the visits with them',
    weight: 2,
    async run(prisma, keys) {
      const id = someUser(keys)
      await prisma.user.delete({ where: { id } })
      replaceItem(keys.users, id)
    },
  },
  {
    name: 'a restaurant opens',
    weight: 1,
    async run(prisma, keys) {
      const id = `new-${nextSerial()}`
      await prisma.restaurant.create({ data: { id, name: `Crêperie n° ${nextSerial()}` } })
      keys.restaurants.push(id)
    },
  },
  {
    name: 'a restaurant closes, and its visits are gone',
    weight: 0.3,
    async run(prisma, keys) {
      const index = FAVOURITES + Math.floor(Math.random() * (keys.restaurants.length - FAVOURITES))
      const id = keys.restaurants[index]
      if (id === undefined) return
      await prisma.restaurant.delete({ where: { id } })
      replaceItem(keys.restaurants, id)
    },
  },
]
