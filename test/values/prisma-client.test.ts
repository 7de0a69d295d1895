import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import { expect, test, vi } from 'vitest'
import { createSync } from 'prisma-dbsync'
import { fixture } from '../generator/input.ts'
import { textOfPublic } from '../../src/testing/canonical-text.ts'
import { testDatabase } from '../support/database.ts'
import { prismaGenerate } from '../support/generate.ts'
import { workspace } from '../support/workspace.ts'
import { createTables, everyType, insertRows, rowsOf, wholeView } from './fixture.ts'

// Thousands of values a type: minutes on a machine that has other work.
vi.setConfig({ testTimeout: 300_000 })

/*
 * The public value of a column is what Prisma Client returns for it: read by the real client, generated for the same
 * schema, over a session whose settings leave nothing to chance.
 */

const ROWS = 400

/** Columns that the client itself fails to read: it does not know the array of an extension's type. */
const UNREAD_BY_CLIENT = ['Lists.citext']

interface Delegate {
  findMany(options: object): Promise<Readonly<Record<string, unknown>>[]>
}
interface Client {
  readonly everything: Delegate
  readonly lists: Delegate
  $disconnect(): Promise<void>
}

test('a view shows what Prisma Client returns, for every type', async () => {
  await using space = await workspace()
  const text = (await fixture('native-types')).replace(/generator dbsync \{[^}]*\}/, '')
  await space.write('schema.prisma', text)
  const run = prismaGenerate(space.path, ['--schema', 'schema.prisma'])
  expect([run.status, run.output]).toEqual([0, expect.stringContaining('Generated Prisma Client')])
  const module = (await import(pathToFileURL(join(space.path, 'out/client/client.ts')).href)) as {
    PrismaClient: new (options: { adapter: PrismaPg }) => Client
  }
  const { schema } = await everyType()
  await using db = await testDatabase({ schema: 'empty' })
  await createTables(db)
  const options =
    '-c timezone=UTC -c datestyle=ISO -c extra_float_digits=1 -c bytea_output=hex -c search_path=public'
  const prisma = new module.PrismaClient({ adapter: new PrismaPg({ connectionString: db.url, options }) })
  const views = Object.fromEntries(
    schema.contract.models.map((model) => [model.model, wholeView(schema, model)]),
  )
  const seed = Date.now() % 1_000_000_000
  for (const model of schema.contract.models) await insertRows(db, model, rowsOf(schema, model, ROWS, seed))
  const sync = createSync({ schema, connection: db.url, views })
  await using _ = sync
  await sync.start()
  const differences: string[] = []
  const unread: string[] = []
  try {
    for (const model of schema.contract.models) {
      const delegate = model.model === 'Lists' ? prisma.lists : prisma.everything
      const view = sync.views[model.model]
      for (const column of model.columns) {
        const place = `${model.model}.${column.field}`
        const rows = await delegate
          .findMany({ orderBy: { id: 'asc' }, select: { id: true, [column.field]: true } })
          .catch(() => null)
        if (rows === null) {
          unread.push(place)
          continue
        }
        expect(rows.length).toBe(ROWS)
        const type = { ...column, scalar: column.type }
        for (const row of rows) {
          const theirs = textOfPublic(type, row[column.field])
          const ours = textOfPublic(
            type,
            (view?.get(row['id']) as Readonly<Record<string, unknown>> | undefined)?.[column.field],
          )
          // An offset with seconds, which the client's reading of a timetz leaves in the text.
          if (theirs === 'invalid Date' && column.pgType.endsWith('with time zone')) continue
          if (ours !== theirs)
            differences.push(`seed ${seed} ${place}: Prisma ${theirs.slice(0, 90)} ours ${ours.slice(0, 90)}`)
        }
      }
    }
  } finally {
    await prisma.$disconnect()
  }
  expect(unread).toEqual(UNREAD_BY_CLIENT)
  expect(differences.slice(0, 40)).toEqual([])
})
