import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { createSync, defineSchema, defineTable, defineView, eq, type Schema } from 'prisma-dbsync'
import { generate } from '../../generators/generate.ts'
import { diagnose } from '../../src/engine/diagnose.ts'
import type { Finding } from '../../src/postgres/finding.ts'
import { resolveConnection } from '../../src/postgres/resolve-connection.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { prismaGenerate } from '../support/generate.ts'
import { workspace } from '../support/workspace.ts'
import { inputOf, schemaOf } from './input.ts'

function schemaFrom(blocks: string): Schema {
  const { files } = generate(inputOf(schemaOf(blocks)))
  return defineSchema({ contract: JSON.parse(files.get('contract.json') ?? ''), Decimal })
}

function joinsOf(blocks: string): unknown {
  return schemaFrom(blocks)
    .contract.models.filter(({ model }) => model.startsWith('_'))
    .map(({ model, table, columns, relations }) => ({
      model,
      table,
      columns: columns.map(({ field, pgType }) => `${field} ${pgType}`),
      relations: relations.map((one) => `${one.fields[0]} -> ${one.model}.${one.references[0]}`),
    }))
}

const POSTS = `
model Post {
  id    Int    @id @default(autoincrement())
  title String
  tags  Tag[]
}

model Tag {
  id    String @id @db.Uuid
  name  String
  posts Post[]
}`

test('a many-to-many relation has a model: A is the model that comes first by name, whatever its table', () => {
  expect(joinsOf(POSTS)).toEqual([
    {
      model: '_PostToTag',
      table: '_PostToTag',
      columns: ['A integer', 'B uuid'],
      relations: ['A -> Post.id', 'B -> Tag.id'],
    },
  ])
  // Names of tables, and the order in the schema, do not count; an id has whatever type it has.
  expect(
    joinsOf(`
model Zebra {
  key   Kind    @id @map("id")
  herds Ant[]   @relation("Of")
  @@map("a")
}

model Ant {
  nr     String  @id @db.VarChar(7)
  zebras Zebra[] @relation("Of")
  @@map("z")
}

enum Kind {
  X
  @@map("kind of")
}`),
  ).toEqual([
    {
      model: '_Of',
      table: '_Of',
      columns: ['A character varying(7)', 'B "kind of"'],
      relations: ['A -> Ant.nr', 'B -> Zebra.key'],
    },
  ])
})

test('several relations of one pair and of a model with itself have a table each', () => {
  const joins = joinsOf(`
model A {
  id   Int @id
  one  B[] @relation("one")
  two  B[] @relation("two")
  to   A[] @relation("self")
  from A[] @relation("self")
  up   A?  @relation("tree", fields: [upId], references: [id])
  upId Int?
  down A[] @relation("tree")
}

model B {
  id  Int @id
  one A[] @relation("one")
  two A[] @relation("two")
}`)
  expect(joins).toMatchObject([{ model: '_one' }, { model: '_self' }, { model: '_two' }])
})

test('a relation’s name may be anything; its table is cut as Postgres cuts names', () => {
  const names = ['it`s ${x} \\"?', 'it`s ${x} \\"!', '_proto__', `${'ü'.repeat(30)}abcdef`, '$1']
  const fields = (type: string): string =>
    names.map((name, index) => `  f${index} ${type}[] @relation("${name}")\n`).join('')
  const { contract } = schemaFrom(
    `model A {\n  id Int @id\n${fields('B')}}\nmodel B {\n  id Int @id\n${fields('A')}}`,
  )
  const joins = contract.models.slice(2).map(({ model, table }) => [table, model])
  expect(Object.fromEntries(joins)).toEqual({
    _$1: '_$1',
    '_it`s ${x} "!': '_it_s_$_x____',
    '_it`s ${x} "?': '_it_s_$_x____$2',
    ['__proto__']: '__proto__$2',
    [`_${'ü'.repeat(30)}ab`]: `_${'_'.repeat(30)}abcdef`,
  })
})

test('two relations that share a table are refused', () => {
  const both = `
model A {
  id Int @id
  b  B[] @relation("x")
  c  C[] @relation("x")
}

model B {
  id Int @id
  a  A[] @relation("x")
}

model C {
  id Int @id
  a  A[] @relation("x")
}`
  expect(() => schemaFrom(both)).toThrow(
    /_x: its table public\._x is that of another relation, too[^]*@relation\("…"\)/,
  )
})

const TABLES = `
  CREATE TABLE "Post" ("id" SERIAL NOT NULL, "title" TEXT NOT NULL, CONSTRAINT "Post_pkey" PRIMARY KEY ("id"));
  CREATE TABLE "Tag" ("id" UUID NOT NULL, "name" TEXT NOT NULL, CONSTRAINT "Tag_pkey" PRIMARY KEY ("id"));`
const INDEX_AND_KEYS = `
  CREATE INDEX "_PostToTag_B_index" ON "_PostToTag"("B");
  ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "Post"("id") ON DELETE CASCADE ON UPDATE CASCADE;
  ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_B_fkey" FOREIGN KEY ("B") REFERENCES "Tag"("id") ON DELETE CASCADE ON UPDATE CASCADE;`
/** The table as migrations of Prisma make it, and what mends it. */
const FORMS = [
  {
    by: 'Prisma 6 or later',
    table: `CREATE TABLE "_PostToTag" ("A" INTEGER NOT NULL, "B" UUID NOT NULL, CONSTRAINT "_PostToTag_AB_pkey" PRIMARY KEY ("A","B"));`,
    fixes: [],
  },
  {
    by: 'Prisma 5',
    table: `CREATE TABLE "_PostToTag" ("A" INTEGER NOT NULL, "B" UUID NOT NULL);
      CREATE UNIQUE INDEX "_PostToTag_AB_unique" ON "_PostToTag"("A", "B");`,
    fixes: ['ALTER TABLE "public"."_PostToTag" REPLICA IDENTITY USING INDEX "_PostToTag_AB_unique";'],
  },
]

/** What doctor says of the replica identities. */
async function identityProblems({ contract }: Schema, url: string): Promise<readonly Finding[]> {
  const connection = resolveConnection(url)
  const { findings } = await diagnose({ contract, connection, publication: 'dbsync', slot: 'dbsync' })
  return findings.filter(({ code }) => code === 'CHANGES.REPLICA_IDENTITY')
}

const tag = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`

test.for(FORMS)(
  'a view over a join table that $by made equals its SQL',
  { timeout: 60_000 },
  async ({ table, fixes }) => {
    await using db = await testDatabase({ schema: 'empty' })
    await db.query(TABLES + table + INDEX_AND_KEYS)
    await db.query(`
      INSERT INTO "Post" ("title") VALUES ('a'), ('b'), ('c');
      INSERT INTO "Tag" VALUES ('${tag(1)}', 'x'), ('${tag(2)}', 'y'), ('${tag(3)}', 'z');
      INSERT INTO "_PostToTag" VALUES (1, '${tag(1)}'), (1, '${tag(2)}'), (2, '${tag(1)}');`)
    const schema = schemaFrom(POSTS)
    const Post = defineTable<'Post', { id: number; title: string }, 'id'>(schema, 'Post')
    const Tag = defineTable<'Tag', { id: string; name: string }, 'id'>(schema, 'Tag')
    const PostToTag = defineTable<'_PostToTag', { A: number; B: string }, 'A' | 'B'>(schema, '_PostToTag')
    const tagged = defineView('tagged', (q) =>
      q
        .from({ j: PostToTag })
        .innerJoin({ p: Post }, ({ j, p }) => eq(j.A, p.id))
        .innerJoin({ t: Tag }, ({ j, t }) => eq(j.B, t.id))
        .select(({ j, p, t }) => ({ post: j.A, tag: j.B, title: p.title, name: t.name })),
    )
    const seen: string[] = []
    const sync = createSync({
      schema,
      connection: db.url,
      views: { tagged },
      handlers: {
        _PostToTag: { delete: ({ key }: { key: unknown }) => void seen.push(JSON.stringify(key)) },
      },
    })
    const wrong = await identityProblems(schema, db.url)
    expect(wrong.flatMap(({ sql }) => sql)).toEqual(fixes)
    expect(wrong.every(({ message }) => message.includes('own UPDATE and DELETE fail'))).toBe(true)
    for (const fix of fixes) await db.query(fix)
    expect(await identityProblems(schema, db.url)).toEqual([])
    await sync.start()
    const client = await db.connect()
    for (const change of [
      `INSERT INTO "_PostToTag" VALUES (3, '${tag(3)}'), (3, '${tag(1)}')`,
      `DELETE FROM "_PostToTag" WHERE "A" = 1 AND "B" = '${tag(2)}'`,
      `UPDATE "_PostToTag" SET "B" = '${tag(2)}' WHERE "A" = 2`,
      `UPDATE "Post" SET id = 9, title = 'moved' WHERE id = 3`,
      `DELETE FROM "Tag" WHERE name = 'x'`,
    ]) {
      await db.query(change)
      await sync.catchUp()
      const differences = await compareView(tagged, sync.views.tagged.rows(), client)
      expect(differences.map(formatDifference)).toEqual([])
    }
    expect([...sync.views.tagged.rows()]).toHaveLength(2)
    expect(seen.toSorted()).toEqual(
      [
        { A: 1, B: tag(1) },
        { A: 1, B: tag(2) },
        { A: 9, B: tag(1) },
      ].map((key) => JSON.stringify(key)),
    )
    await sync.close()
  },
)

const CLIENT = `
generator client {
  provider = "prisma-client"
  output   = "./client"
}
`
const PEOPLE = `
model Person {
  id       Int      @id
  zFollows Person[] @relation("fans")
  aFans    Person[] @relation("fans")
  owns     Animal[] @relation("pets")
  @@map("a_person")
}

model Animal {
  id     Int      @id
  owners Person[] @relation("pets")
  @@map("z_animal")
}`

/** What the test asks of the generated client. */
interface Client {
  readonly person: {
    create(args: unknown): Promise<unknown>
  }
  readonly $disconnect: () => Promise<void>
}

test(
  'Prisma Client writes to the tables and the columns that the contract names',
  { timeout: 60_000 },
  async () => {
    await using space = await workspace()
    await space.write('schema.prisma', schemaOf(CLIENT + PEOPLE))
    expect(prismaGenerate(space.path, ['--schema', 'schema.prisma'])).toMatchObject({ status: 0 })
    const { contract } = schemaFrom(PEOPLE)
    await using db = await testDatabase({ schema: 'empty' })
    for (const { table, columns, key } of contract.models) {
      const list = columns.map(({ column, pgType }) => `"${column}" ${pgType}`)
      await db.query(`CREATE TABLE "${table}" (${list.join(', ')}, PRIMARY KEY ("${key.join('", "')}"))`)
    }
    const module = (await import(
      /* @vite-ignore */ pathToFileURL(join(space.path, 'client/client.ts')).href
    )) as { readonly PrismaClient: new (options: unknown) => Client }
    const prisma = new module.PrismaClient({ adapter: new PrismaPg({ connectionString: db.url }) })
    await prisma.person.create({
      data: { id: 1, zFollows: { create: { id: 2 } }, owns: { create: { id: 3 } } },
    })
    await prisma.$disconnect()
    expect(await db.query('SELECT * FROM "_pets"')).toEqual([{ A: 3, B: 1 }])
    expect(await db.query('SELECT * FROM "_fans"')).toEqual([{ A: 2, B: 1 }])
    // What the comments of the columns say: 2 has 1 in its aFans.
    expect(generate(inputOf(schemaOf(PEOPLE))).files.get('index.ts')).toContain(
      'has B in its `aFans`. */\n  A: number',
    )
  },
)
