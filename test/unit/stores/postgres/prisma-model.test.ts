import { expect, test } from 'vitest'
import { prismaModel, type PrismaOptions } from '../../../../src/stores/postgres/prisma-model.ts'
import { fieldNamesOf, modelNameOf } from '../../../../src/stores/postgres/prisma-names.ts'
import type { StoredView } from '../../../../src/stores/view-store.ts'
import type { TypeIr } from '../../../../src/views/view-ir.ts'

const TEXT: TypeIr = { scalar: 'String', pgType: 'text', list: false, nullable: false }
const OPTIONS = {
  indexes: [],
  serverVersion: 180_000,
  enumTypes: new Map([['Role', '"Role"']]),
  taken: new Set<string>(),
}

/** The model of a view of these columns in a table `t`. */
function modelOf(
  columns: Readonly<Record<string, Partial<TypeIr>>>,
  key: readonly string[],
  more: Pick<Partial<PrismaOptions>, 'indexes'> = {},
): string {
  const view: StoredView = {
    name: 'some_view',
    columns: Object.entries(columns).map(([name, type]) => ({
      name,
      type: { ...TEXT, ...type },
      rows: null,
    })),
    key,
    fingerprint: '',
  }
  return prismaModel(view, { schema: 'derived', table: 't' }, { ...OPTIONS, ...more }).text
}

test('a model names what Prisma cannot by @map, the key by @@id, and every index', () => {
  const columns = {
    'a b': {},
    role: { enum: 'Role', nullable: true },
    mood: { enum: 'Mood' },
    counts: { pgType: 'bigint', list: true, nullable: true },
    bare: { pgType: 'character' },
    a_b_role: { pgType: 'numeric(65,30)' },
  }
  expect(modelOf({ ...columns, role: { enum: 'Role' } }, ['a b', 'role'], { indexes: [['mood', 'a b']] }))
    .toBe(`\
/// Kept by DBSync from the view some_view: to be read, never written.
model SomeView {
  a_b       String                   @map("a b")
  role      Role
  mood      String
  counts    BigInt[]
  bare      Unsupported("character")
  a_b_role2 Decimal                  @map("a_b_role")

  @@id([a_b, role], map: "t_2d06b2c7_pkey")
  @@index([mood, a_b], map: "t_mood_a b_b3a8ccc4_idx")
  @@map("t")
  @@schema("derived")
}`)
})

test('a key that Prisma cannot have makes a model that its client leaves out, with the reason', () => {
  expect(modelOf({ id: { nullable: true }, n: { nullable: true } }, ['id'])).toBe(`\
/// Kept by DBSync from the view some_view: to be read, never written.
/// Prisma Client needs a key without NULL: replace NULL by a value with coalesce in the view, and it reads this table.
model SomeView {
  id String?
  n  String?

  @@unique([id], map: "t_2d06b2c7_key")
  @@ignore
  @@map("t")
  @@schema("derived")
}`)
  expect(modelOf({ id: { pgType: 'character' } }, ['id'])).toMatch(
    /\n\/\/\/ Prisma has no name for the type of the key column "id" \(character\)\.\n[^]*@@ignore/,
  )
})

test('a model has a name that no other has and that Prisma takes', () => {
  const taken = new Set(['Visit', 'VisitView'])
  const names = ['restaurant_rating', 'visit', '_a__b', '_1', 'string', 'prisma_client', 'x2_y']
  expect(names.map((name) => modelNameOf(name, taken))).toEqual([
    'RestaurantRating',
    'VisitViewView',
    'AB',
    'View1',
    'StringView',
    'PrismaClientView',
    'X2Y',
  ])
})

test('a field has the column’s name where Prisma takes it, and one of its own everywhere else', () => {
  const names = fieldNamesOf(
    ['a b', 'a_b', 'a-b', '✓', 'column', '1st', '_x', 'b', 'a_b_b', 'x'],
    ['a_b', 'b'],
  )
  expect([...names].toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
    ['1st', 'st'],
    ['_x', 'x2'],
    ['a b', 'a_b2'],
    ['a-b', 'a_b3'],
    ['a_b', 'a_b'],
    ['a_b_b', 'a_b_b2'],
    ['b', 'b'],
    ['column', 'column'],
    ['x', 'x'],
    ['✓', 'column2'],
  ])
})
