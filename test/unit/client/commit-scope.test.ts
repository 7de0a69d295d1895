import { expect, test } from 'vitest'
import { lastCommit, trackCommits } from 'prisma-dbsync'
import { clientOf } from '../../support/client.ts'
import { testDatabase } from '../../support/database.ts'

// In a process of its own: nobody here calls withViews, and the first test comes before any adapter.

test('commits are tracked only where an adapter reports them', () => {
  expect(() => trackCommits(() => {})).toThrow(expect.objectContaining({ code: 'CONFIG.INVALID_OPTIONS' }))
})

test('without the extension of withViews every commit counts for every scope, so that none is missed', async () => {
  await using db = await testDatabase()
  const prisma = clientOf(db.url)
  let wake = (): void => {}
  const awake = new Promise<void>((resolve) => {
    wake = resolve
  })
  const idle = trackCommits(async () => {
    await awake
    return lastCommit()
  })
  const batches = ['r1', 'r2', 'r3'].map((id) =>
    trackCommits(async () => {
      await prisma.$transaction([prisma.restaurant.create({ data: { id, name: id } })])
      return lastCommit()
    }),
  )
  // Its turn is the first batch's too, and it runs outside of any scope.
  const outside = prisma.$transaction([prisma.restaurant.create({ data: { id: 'r4', name: 'x' } })])
  expect((await Promise.all(batches)).filter((lsn) => lsn === null)).toEqual([])
  await outside
  wake()
  expect(await idle).not.toBeNull()
  expect(trackCommits(lastCommit)).toBeNull()
  await prisma.$disconnect()
})
