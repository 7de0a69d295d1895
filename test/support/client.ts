import { PrismaPg } from '@prisma/adapter-pg'
import { parseLsn, withCommitLsn, withViews, type Lsn } from 'prisma-dbsync'
import { PrismaClient } from '../../generated/client/client.ts'
import { testDatabase, type TestDatabase } from './database.ts'
import { exampleSync } from './views.ts'

/** A Prisma Client over the database whose commits are known. */
export function clientOf(url: string): PrismaClient {
  return new PrismaClient({ adapter: withCommitLsn(new PrismaPg({ connectionString: url, max: 8 })) })
}

/** A sync of the example's views that is live, and a client with its extension. */
export async function running() {
  const db = await testDatabase()
  const { sync } = exampleSync(db.url)
  const prisma = clientOf(db.url).$extends(withViews(sync))
  await prisma.user.create({ data: { id: 1, firstName: 'a', userName: 'a', email: 'a' } })
  await sync.start()
  return {
    db,
    sync,
    prisma,
    async [Symbol.asyncDispose]() {
      await sync.close()
      await prisma.$disconnect()
      await db[Symbol.asyncDispose]()
    },
  }
}

/** The end of the server's WAL. */
export const position = async (db: TestDatabase): Promise<Lsn> => {
  const [row] = await db.query<{ l: string }>('SELECT pg_current_wal_insert_lsn()::text AS l')
  return parseLsn(row?.l ?? '')
}
