import { readFile } from 'node:fs/promises'
import { Decimal } from '@prisma/client/runtime/client'
import { avg, defineView, eq } from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { generate } from '../../generators/generate.ts'
import { defineSchema } from '../../src/contract/define-schema.ts'
import { defineTable } from '../../src/contract/define-table.ts'
import { sealContract } from '../../src/contract/hash-contract.ts'
import { parseContract } from '../../src/contract/parse-contract.ts'
import type { SchemaContract } from '../../src/contract/schema-contract.ts'
import { sources } from '../architecture/sources.ts'
import { fromPrisma8 } from './from-prisma-8.ts'
import { inputOf } from './input.ts'

const prisma8 = async (): Promise<string> =>
  readFile('test/generator/fixtures/prisma-8/contract.json', 'utf8')

/** The contract that the generator makes of the same schema for Prisma 7. */
async function prisma7(): Promise<SchemaContract> {
  const { files } = generate(inputOf(await readFile('prisma/schema.prisma', 'utf8')))
  return parseContract(JSON.parse(files.get('contract.json') ?? ''))
}

/** By name, which is the one order that contract.json has. */
function sorted({ version, enums, models }: SchemaContract): SchemaContract {
  const byField = <T extends { readonly field: string }>(items: readonly T[]): readonly T[] =>
    items.toSorted((a, b) => (a.field < b.field ? -1 : 1))
  return sealContract({
    version,
    enums,
    models: models.map((model) => ({
      ...model,
      columns: byField(model.columns),
      relations: byField(model.relations),
    })),
  })
}

test('the contract made of Prisma 8 is that of Prisma 7, but for the order of columns and relations', async () => {
  const made = fromPrisma8(JSON.parse(await prisma8()))
  expect(parseContract(made)).toEqual(sorted(await prisma7()))
  expect(made.hash).toBe(sorted(await prisma7()).hash)
})

test('what another type, another key or another name changes in Prisma 8 changes the contract', async () => {
  const text = await prisma8()
  const { hash } = fromPrisma8(JSON.parse(text))
  for (const [from, to] of [
    ['"scale": 2', '"scale": 3'],
    ['"column": "visit_rating"', '"column": "user_id"'],
    ['"nativeType": "date"', '"nativeType": "timestamptz"'],
    [/"uniques": \[\s+\{[^\]]+\]\s+\}\s+\]/, '"uniques": []'],
    [/"user_id",\s+"restaurant_id"/, '"restaurant_id", "user_id"'],
  ] as const) {
    const changed = text.replaceAll(from instanceof RegExp ? new RegExp(from, 'g') : from, to)
    expect(changed).not.toBe(text)
    expect(fromPrisma8(JSON.parse(changed)).hash).not.toBe(hash)
  }
})

test('a view over the one is a view over the other', async () => {
  const sqlOver = (contract: SchemaContract): string => {
    const schema = defineSchema({ contract, Decimal })
    const Restaurant = defineTable<'Restaurant', { id: string; name: string }, 'id'>(schema, 'Restaurant')
    const Visit = defineTable<
      'Visit',
      { restaurantId: string; userId: number; visitRating: number | null },
      'userId' | 'restaurantId'
    >(schema, 'Visit')
    return defineView('rating', (q) =>
      q
        .from({ r: Restaurant })
        .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
        .groupBy(({ r }) => [r.id, r.name])
        .select(({ r, v }) => ({ id: r.id, name: r.name, rating: avg(v.visitRating) })),
    ).sql
  }
  expect(sqlOver(fromPrisma8(JSON.parse(await prisma8())))).toBe(sqlOver(await prisma7()))
})

test('a type that is not mapped yet is said, not guessed', async () => {
  const text = (await prisma8()).replaceAll('pg/date@1', 'pg/enum@1')
  expect(() => fromPrisma8(JSON.parse(text))).toThrow(/no codec pg\/enum@1 that is known/)
})

test('the runtime knows neither the data model of Prisma 7 nor that of Prisma 8', () => {
  const words = /\b(dmmf|datamodel|dbName|relationFromFields|isRequired|codecId|nativeType)\b/i
  const found = sources('src').filter(({ text }) => words.test(text))
  expect(found.map(({ path }) => path)).toEqual([])
})
