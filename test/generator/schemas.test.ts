import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { createSync, defineSchema, defineTable, defineView, eq } from 'prisma-dbsync'
import { generate } from '../../generators/generate.ts'
import { parseContract } from '../../src/contract/parse-contract.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { prismaGenerate } from '../support/generate.ts'
import { workspace } from '../support/workspace.ts'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { inputOf } from './input.ts'

/** Two schemas with a table and an enum of one name each, relations across them and of a model with itself. */
const SHOP = `
enum ShopState {
  OPEN @map("open")
  SHUT

  @@map("state")
  @@schema("shop")
}

model ShopItem {
  id       Int         @id
  state    ShopState
  partOfId Int?        @map("part_of")
  partOf   ShopItem?   @relation("parts", fields: [partOfId], references: [id])
  parts    ShopItem[]  @relation("parts")
  likes    ShopItem[]  @relation("likes")
  likedBy  ShopItem[]  @relation("likes")
  stock    StockItem[]

  @@map("item")
  @@schema("shop")
}
`
const STOCK = `
enum StockState {
  GONE
  OPEN @map("op en")

  @@map("state")
  @@schema("stock")
}

model StockItem {
  id    Int        @id
  state StockState
  shops ShopItem[]

  @@map("item")
  @@schema("stock")
}
`
const HEAD = `
generator dbsync {
  provider = "tsx ${resolve('generators/bin.ts')}"
  output   = "./out"
}

datasource db {
  provider = "postgresql"
  schemas  = ["shop", "stock"]
}
`
const contract = parseContract(
  JSON.parse(generate(inputOf(HEAD + SHOP + STOCK)).files.get('contract.json') ?? ''),
)

test('enums and tables of one name in two schemas stay apart', () => {
  expect(contract.enums).toMatchObject([
    { name: 'ShopState', schema: 'shop', pgName: 'state', values: [{ label: 'open' }, { label: 'SHUT' }] },
    { name: 'StockState', schema: 'stock', pgName: 'state', values: [{ label: 'GONE' }, { label: 'op en' }] },
  ])
  const columns = contract.models.map(({ model, schema, table, columns: [, state] }) => [
    model,
    `${schema}.${table}`,
    state?.pgType,
  ])
  expect(columns).toEqual([
    ['ShopItem', 'shop.item', 'shop.state'],
    ['StockItem', 'stock.item', 'stock.state'],
    ['_ShopItemToStockItem', 'shop._ShopItemToStockItem', 'integer'],
    ['_likes', 'shop._likes', 'integer'],
  ])
})

test('a folder of schema files gives what one file gives', { timeout: 60_000 }, async () => {
  await using space = await workspace()
  await space.write('schema/z.prisma', SHOP)
  await space.write('schema/sub/a.prisma', STOCK)
  await space.write('schema/schema.prisma', HEAD)
  expect(prismaGenerate(space.path, ['--schema', 'schema'])).toMatchObject({ status: 0 })
  const json = await readFile(join(space.path, 'schema/out/contract.json'), 'utf8')
  expect(JSON.parse(json)).toEqual(contract)
})

test('a view over both schemas and over a self relation equals its SQL', { timeout: 60_000 }, async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query(`
    CREATE SCHEMA shop; CREATE SCHEMA stock;
    CREATE TYPE shop.state AS ENUM ('open', 'SHUT');
    CREATE TYPE stock.state AS ENUM ('GONE', 'op en');
    CREATE TABLE shop.item (id int PRIMARY KEY, state shop.state NOT NULL, part_of int REFERENCES shop.item (id) ON DELETE SET NULL);
    CREATE TABLE stock.item (id int PRIMARY KEY, state stock.state NOT NULL);
    CREATE TABLE shop."_ShopItemToStockItem" ("A" int NOT NULL REFERENCES shop.item (id), "B" int NOT NULL REFERENCES stock.item (id) ON DELETE CASCADE, PRIMARY KEY ("A", "B"));
    INSERT INTO shop.item VALUES (1, 'open', NULL), (2, 'SHUT', 1), (3, 'open', 1);
    INSERT INTO stock.item VALUES (1, 'op en'), (2, 'GONE');
    INSERT INTO shop."_ShopItemToStockItem" VALUES (1, 1), (2, 1), (3, 2);`)
  const schema = defineSchema({ contract, Decimal })
  interface ShopRow {
    id: number
    state: 'OPEN' | 'SHUT'
    partOfId: number | null
  }
  const ShopItem = defineTable<'ShopItem', ShopRow, 'id'>(schema, 'ShopItem')
  const StockItem = defineTable<'StockItem', { id: number; state: 'GONE' | 'OPEN' }, 'id'>(
    schema,
    'StockItem',
  )
  const Link = defineTable<'_ShopItemToStockItem', { A: number; B: number }, 'A' | 'B'>(
    schema,
    '_ShopItemToStockItem',
  )
  const stocked = defineView('stocked', (q) =>
    q
      .from({ l: Link })
      .innerJoin({ i: ShopItem }, ({ l, i }) => eq(l.A, i.id))
      .innerJoin({ s: StockItem }, ({ l, s }) => eq(l.B, s.id))
      .leftJoin({ whole: ShopItem }, ({ i, whole }) => eq(i.partOfId, whole.id))
      .select(({ l, i, s, whole }) => ({
        item: l.A,
        stock: l.B,
        shopState: i.state,
        stockState: s.state,
        wholeState: whole.state,
      })),
  )
  const sync = createSync({ schema, connection: db.url, views: { stocked } })
  await sync.start()
  expect(sync.views.stocked.get({ item: 2, stock: 1 })).toEqual({
    item: 2,
    stock: 1,
    shopState: 'SHUT',
    stockState: 'OPEN',
    wholeState: 'OPEN',
  })
  const client = await db.connect()
  for (const change of [
    `UPDATE shop.item SET state = 'SHUT' WHERE id = 1`,
    `UPDATE stock.item SET state = 'GONE' WHERE id = 1`,
    `UPDATE shop.item SET part_of = 2 WHERE id = 3`,
    `DELETE FROM stock.item WHERE id = 1`,
  ]) {
    await db.query(change)
    await sync.catchUp()
    const differences = await compareView(stocked, sync.views.stocked.rows(), client)
    expect(differences.map(formatDifference)).toEqual([])
  }
  expect([...sync.views.stocked.rows()]).toHaveLength(1)
  await sync.close()
})
