import fc from 'fast-check'

const small = fc.integer({ min: 1, max: 5 })
const visits = fc.uniqueArray(
  fc.record({ user: small, restaurant: small, spent: small, rating: fc.option(small) }),
  { selector: ({ user, restaurant }) => `${user}/${restaurant}`, maxLength: 12 },
)
const restaurants = fc.uniqueArray(fc.record({ id: small, name: small, rating: fc.option(small) }), {
  selector: ({ id }) => id,
})
const users = fc.uniqueArray(fc.record({ id: small, name: small, active: fc.boolean() }), {
  selector: ({ id }) => id,
})

/** Rows of the fixture's tables. */
export interface RelationalData {
  readonly visits: readonly {
    readonly user: number
    readonly restaurant: number
    readonly spent: number
    readonly rating: number | null
  }[]
  readonly restaurants: readonly {
    readonly id: number
    readonly name: number
    readonly rating: number | null
  }[]
  readonly users: readonly { readonly id: number; readonly name: number; readonly active: boolean }[]
}

/** Statements that put the data into the tables, in that order of rows. */
export function insertData(data: RelationalData): string {
  const rows = [
    ...data.visits.map(
      ({ user, restaurant, spent, rating }) =>
        `INSERT INTO visit VALUES (${user}, 'r${restaurant}', ${spent}, ${rating ?? 'NULL'})`,
    ),
    ...data.restaurants.map(
      ({ id, name, rating }) =>
        `INSERT INTO restaurant VALUES ('r${id}', 'r${name}', ${rating ?? 'NULL'}, '{}')`,
    ),
    ...data.users.map(
      ({ id, name, active }) =>
        `INSERT INTO users VALUES (${id}, 'r${name}', 'e', NULL, '{}', 'user', ${active})`,
    ),
  ]
  return ['TRUNCATE visit, restaurant, users', ...rows].join('; ')
}

/** Few different values: ties, duplicates, NULLs and rows without a partner abound. */
export const relationalData: fc.Arbitrary<RelationalData> = fc.record({ visits, restaurants, users })
