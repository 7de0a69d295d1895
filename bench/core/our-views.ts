import { Decimal } from '@prisma/client/runtime/client'
import { defineSchema } from '../../src/contract/define-schema.ts'
import { defineTable } from '../../src/contract/define-table.ts'
import { sealContract } from '../../src/contract/hash-contract.ts'
import type { ColumnContract, ScalarType } from '../../src/contract/schema-contract.ts'
import { avg, max, min } from '../../src/views/build/aggregates.ts'
import { eq } from '../../src/views/build/comparisons.ts'
import { defineView } from '../../src/views/define-view.ts'

/** The two tables of the operator benches, with whole numbers for keys as the peers' tests have them. */

function column(field: string, type: ScalarType, pgType: string): ColumnContract {
  return { field, column: field, type, pgType, list: false, nullable: false }
}

const contract = sealContract({
  version: 1,
  enums: [],
  models: [
    {
      model: 'Restaurant',
      schema: 'public',
      table: 'restaurant',
      key: ['id'],
      keyIsPrimary: true,
      relations: [],
      columns: [
        column('id', 'Int', 'integer'),
        column('name', 'String', 'text'),
        column('city', 'String', 'text'),
      ],
    },
    {
      model: 'Visit',
      schema: 'public',
      table: 'visit',
      key: ['id'],
      keyIsPrimary: true,
      relations: [],
      columns: [
        column('id', 'Int', 'integer'),
        column('restaurant', 'Int', 'integer'),
        column('user', 'Int', 'integer'),
        column('rating', 'Int', 'integer'),
      ],
    },
  ],
})

export const schema = defineSchema({ contract, Decimal })

interface RestaurantRow {
  id: number
  name: string
  city: string
}

interface VisitRow {
  id: number
  restaurant: number
  user: number
  rating: number
}

const Restaurant = defineTable<'Restaurant', RestaurantRow, 'id'>(schema, 'Restaurant')
const Visit = defineTable<'Visit', VisitRow, 'id'>(schema, 'Visit')

/** The average rating by restaurant. */
export const average = defineView('average', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurant])
    .select(({ v }) => ({ restaurant: v.restaurant, rating: avg(v.rating) })),
)

/** The worst and the best rating by restaurant. */
export const extremes = defineView('extremes', (q) =>
  q
    .from({ v: Visit })
    .groupBy(({ v }) => [v.restaurant])
    .select(({ v }) => ({ restaurant: v.restaurant, worst: min(v.rating), best: max(v.rating) })),
)

/** Each visit with the name of its restaurant. */
export const joined = defineView('joined', (q) =>
  q
    .from({ v: Visit })
    .innerJoin({ r: Restaurant }, ({ v, r }) => eq(v.restaurant, r.id))
    .select(({ v, r }) => ({ id: v.id, rating: v.rating, name: r.name })),
)
