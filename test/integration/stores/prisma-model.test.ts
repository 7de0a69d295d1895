import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { Decimal } from '@prisma/client/runtime/client'
import { expect, test, vi } from 'vitest'
import { count, sum } from '../../../src/views/build/aggregates.ts'
import { arrayAgg } from '../../../src/views/build/ordered-aggregates.ts'
import { asc } from '../../../src/views/build/order.ts'
import { defineView, type ViewDefinition } from '../../../src/views/define-view.ts'
import { parseContract } from '../../../src/contract/parse-contract.ts'
import { hasNullableKey } from '../../../src/stores/postgres/nullable-key.ts'
import { onlyColumn, tableColumns } from '../../../src/stores/postgres/table-ddl.ts'
import { sourceEnumTypes } from '../../../src/stores/postgres/enum-types.ts'
import { prismaModel } from '../../../src/stores/postgres/prisma-model.ts'
import { storedViewOf } from '../../../src/stores/stored-view.ts'
import { AGGREGATE_VIEWS } from '../../conformance/aggregate-views.ts'
import { CONSTANTS, SELECTED } from '../../conformance/expressions.ts'
import { VIEWS } from '../../conformance/views.ts'
import { testDatabase } from '../../support/database.ts'
import { createDerived, DERIVED, fillDerived } from '../../support/derived-tables.ts'
import { exampleViews } from '../../support/example-views.ts'
import { prismaGenerate } from '../../support/generate.ts'
import { workspace } from '../../support/workspace.ts'
import { DDL, Sample, schema } from '../../types/fixture.ts'
import { NESTED, RELATIONAL } from '../../unit/views/relational-views.ts'

// Prisma's own command line, on a machine that has other work.
vi.setConfig({ testTimeout: 120_000 })

/** A column of each type, under names that no Prisma field can have, and a name that the key's own would be. */
const everyType = defineView('_every_type', (q) =>
  q.from({ s: Sample }).select(({ s }) => ({
    ...Object.fromEntries(Object.entries(s).filter(([name]) => name !== 'money')),
    small_sel_ect_: s.small,
    'sel ect ': s.text,
    'ñ"\n✓\\': s.text,
    '✓': s.mood,
  })),
)

const grouped = defineView('string', (q) =>
  q
    .from({ s: Sample })
    .groupBy(({ s }) => [s.char, s.mood])
    .select(({ s }) => ({
      char: s.char,
      mood: s.mood,
      rows: count(),
      sum: sum(s.big),
      moods: arrayAgg(s.mood).orderBy(asc(s.small), asc(s['sel"ect ✓'])),
    })),
)

/** Indexes of some views. */
const INDEXES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  restaurant_rating: [['rating'], ['name', 'spent']],
  _every_type: [['✓'], ['list'], ['jsonb']],
}

/** Each a view of its own name, though lists have some names in common. */
function distinctViews(): readonly ViewDefinition[] {
  const all = [
    everyType,
    grouped,
    ...VIEWS,
    ...AGGREGATE_VIEWS,
    ...SELECTED,
    CONSTANTS,
    ...RELATIONAL,
    ...NESTED,
  ]
  const views = all.filter(({ ir }) => ir.key !== null)
  const names = new Set<string>()
  const others = views.map((view, index): ViewDefinition => {
    const name = names.has(view.name) ? `${view.name}_${index}` : view.name
    names.add(name)
    return Object.assign({}, view, { name })
  })
  return [...Object.values(exampleViews), ...others]
}

const SCHEMA = `
generator client {
  provider = "prisma-client"
  output   = "./client"
}

generator dbsync {
  provider = "tsx ${resolve('generators/bin.ts')}"
  output   = "./dbsync"
}

datasource db {
  provider = "postgresql"
  schemas  = ["public", "derived"]
}

enum Role {
  ADMIN @map("ad'min \\\\")
  USER  @map("user")

  @@schema("public")
}

enum Mood {
  GOOD @map("good")
  BAD  @map("bad")

  @@map("mood type")
  @@schema("public")
}

model Spent {
  id Int @id

  @@schema("public")
}
`

/** The enums of the schema, which those of all fixtures are taken for. */
const ENUM_TYPES = sourceEnumTypes(schema)

interface Delegate {
  findMany(options?: object): Promise<unknown>
  findUnique(options: object): Promise<unknown>
}

interface Client {
  readonly restaurantRating: Delegate
  readonly grandTotal: Delegate
  readonly stringView: Delegate
  $disconnect(): Promise<void>
}

test('Prisma takes the model of every view, and its client reads the derived tables', async () => {
  const taken = new Set(['Role', 'Mood', 'Spent'])
  const models = distinctViews().map((definition) => {
    const view = storedViewOf(definition)
    const options = {
      indexes: INDEXES[view.name] ?? [],
      serverVersion: 180_000,
      enumTypes: ENUM_TYPES,
      taken,
    }
    const model = prismaModel(view, { schema: DERIVED, table: view.name }, options)
    taken.add(model.name)
    return { model, view, columns: tableColumns(view, options) }
  })
  await using space = await workspace()
  await space.write('schema.prisma', [SCHEMA, ...models.map(({ model }) => model.text)].join('\n\n'))
  const run = prismaGenerate(space.path, ['--schema', 'schema.prisma'])
  expect([run.status, run.output]).toEqual([0, expect.stringContaining('Generated Prisma Client')])

  // What Prisma understands of a model, as the package's own generator reads it, is what the table is.
  const contract = parseContract(JSON.parse(await readFile(join(space.path, 'dbsync/contract.json'), 'utf8')))
  const kept = models.filter(({ view }) => !hasNullableKey(view))
  expect([kept.length > 40, kept.length < models.length]).toEqual([true, true])
  for (const { model, columns, view } of kept) {
    const { name } = model
    const found = contract.models.find((one) => one.model === name)
    const only = onlyColumn(view)
    expect({
      name,
      table: [found?.schema, found?.table],
      key: found?.key.map((field) => found.columns.find((column) => column.field === field)?.column),
      columns: found?.columns.map(({ column, pgType, list, nullable }) => ({
        name: column,
        sqlType: `${pgType}${list ? '[]' : ''}`,
        notNull: !nullable && !list,
      })),
    }).toEqual({
      name,
      table: [DERIVED, view.name],
      key: only === null ? view.key : [only],
      columns: [...columns, ...(only === null ? [] : [{ name: only, sqlType: 'boolean', notNull: true }])],
    })
  }

  await using db = await testDatabase()
  await db.query(`
    CREATE SCHEMA derived;
    INSERT INTO restaurant (id, name) VALUES ('r1', 'One'), ('r2', 'Two');
    INSERT INTO users (id, first_name, user_name, email) VALUES (1, 'a', 'b', 'c'), (2, 'd', 'e', 'f');
    INSERT INTO visit VALUES (1, 'r1', 12.50, NULL), (2, 'r1', 3, 4)`)
  for (const view of Object.values(exampleViews)) {
    await createDerived(db, view)
    await fillDerived(db, view)
  }
  const prisma = await client(space.path, db.url)
  try {
    expect(await prisma.restaurantRating.findMany({ orderBy: { id: 'asc' } })).toEqual([
      { id: 'r1', name: 'One', visits: 2n, rating: 4, spent: new Decimal('15.5') },
      { id: 'r2', name: 'Two', visits: 0n, rating: null, spent: null },
    ])
    expect(await prisma.grandTotal.findUnique({ where: { only: true } })).toMatchObject({
      visits: 2n,
      only: true,
    })
  } finally {
    await prisma.$disconnect()
  }
  await readsEnums(space.path)
})

async function client(path: string, url: string): Promise<Client> {
  const module = (await import(pathToFileURL(join(path, 'client/client.ts')).href)) as {
    PrismaClient: new (options: { adapter: PrismaPg }) => Client
  }
  return new module.PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
}

/** A composite key of padded text and an enum, and a list of enums, through the generated client. */
async function readsEnums(path: string): Promise<void> {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`${DDL}; CREATE SCHEMA derived;
    INSERT INTO "Order ""x"""."group ""by"" ✓" (small, "sel""ect ✓", char, mood, big) VALUES (1, 1, 'ab', 'good', 7), (2, 1, 'ab', 'good', 2)`)
  await createDerived(db, grouped)
  await fillDerived(db, grouped)
  const prisma = await client(path, db.url)
  try {
    expect(
      await prisma.stringView.findUnique({ where: { char_mood: { char: 'ab   ', mood: 'GOOD' } } }),
    ).toEqual({
      char: 'ab   ',
      mood: 'GOOD',
      rows: 2n,
      sum: new Decimal(9),
      moods: ['GOOD', 'GOOD'],
    })
  } finally {
    await prisma.$disconnect()
  }
}
