import { Messages } from './messages.ts'

/** How much there is to do. */
export interface CoreSize {
  readonly visits: number
  readonly restaurants: number
  /** Updates of single rows: before the clock runs, then those that are measured. */
  readonly warmUp: number
  readonly single: number
  /** The same, the changed row being read after each. */
  readonly read: number
  /** Updates that come {@link BATCH} to a transaction. */
  readonly batched: number
  /** Restaurants that get another name, one a transaction. */
  readonly renames: number
}

/** Row changes of a transaction of `batched`. */
export const BATCH = 100

/** Oids of the two tables on the wire. */
export const OID = { visit: 1, restaurant: 2 } as const

/** The same rows and changes in every run. */
export interface Workload {
  readonly size: CoreSize
  /** Inserts of (id, name, city). */
  readonly restaurants: Messages
  /** Inserts of (id, restaurant, user, rating); ids count from 1. */
  readonly visits: Messages
  /** Updates of single visits: those of the warm-up, `single`, `read` and `batched`, in this order. */
  readonly updates: Messages
  /** Which restaurant each update is about. */
  readonly updatedRestaurants: Int32Array
  /** The rating that each update replaces: libraries must be told what goes. */
  readonly formerRatings: Int32Array
  /** Updates of restaurants. */
  readonly renames: Messages
  readonly renamedRestaurants: Int32Array
  /** The name that each renaming replaces. */
  readonly formerNames: readonly string[]
}

export const FULL_SIZE: CoreSize = {
  visits: 1_000_000,
  restaurants: 10_000,
  warmUp: 50_000,
  single: 300_000,
  read: 100_000,
  batched: 200_000,
  renames: 1_000,
}

export const QUICK_SIZE: CoreSize = {
  visits: 200_000,
  restaurants: 2_000,
  warmUp: 20_000,
  single: 50_000,
  read: 30_000,
  batched: 50_000,
  renames: 500,
}

/** Numbers from 0 up to a bound, the same sequence for the same seed. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    // xorshift32: its low bits are as good as its high ones.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** A number for each one below 2^28, no two alike and in no order: products with an odd factor, modulo 2^28. */
export function distinctNumber(index: number): number {
  return Math.imul(index, 0x9e_37_79b1) & 0x0fff_ffff
}

/** The restaurants' name before it is ever changed. */
export function firstName(restaurant: number): string {
  return `Restaurant ${restaurant} #0`
}

/**
 * Writes the rows and changes. Visits are spread over the restaurants at random; ratings are 10 to 50, or with
 * `isDistinct` all different, before and after every update, and the restaurants take turns.
 */
export function makeWorkload(size: CoreSize, isDistinct = false): Workload {
  const random = randomNumbers(20_260_101)
  let last = 0
  const rate = (): number => {
    last += 1
    return isDistinct ? distinctNumber(last) : 10 + random(41)
  }
  const restaurants = new Messages()
  const visits = new Messages()
  const updates = new Messages()
  const renames = new Messages()
  const names: string[] = []
  for (let id = 0; id < size.restaurants; id += 1) {
    names.push(firstName(id))
    restaurants.add('I', OID.restaurant, [String(id), firstName(id), `City ${id % 97}`])
  }
  const restaurantOf = new Int32Array(size.visits)
  const userOf = new Int32Array(size.visits)
  const ratings = new Int32Array(size.visits)
  for (let index = 0; index < size.visits; index += 1) {
    restaurantOf[index] = isDistinct ? index % size.restaurants : random(size.restaurants)
    userOf[index] = random(100_000)
    ratings[index] = rate()
    visits.add('I', OID.visit, rowOf(index))
  }
  function rowOf(index: number): readonly string[] {
    return [String(index + 1), String(restaurantOf[index]), String(userOf[index]), String(ratings[index])]
  }
  const count = size.warmUp + size.single + size.read + size.batched
  const updatedRestaurants = new Int32Array(count)
  const formerRatings = new Int32Array(count)
  for (let index = 0; index < count; index += 1) {
    const visit = random(size.visits)
    updatedRestaurants[index] = restaurantOf[visit]!
    formerRatings[index] = ratings[visit]!
    ratings[visit] = rate()
    updates.add('U', OID.visit, rowOf(visit))
  }
  const renamedRestaurants = new Int32Array(size.renames)
  const formerNames: string[] = []
  for (let index = 0; index < size.renames; index += 1) {
    const id = random(size.restaurants)
    renamedRestaurants[index] = id
    formerNames.push(names[id] ?? '')
    names[id] = `Restaurant ${id} #${index + 1}`
    renames.add('U', OID.restaurant, [String(id), names[id] ?? '', `City ${id % 97}`])
  }
  return {
    size,
    restaurants,
    visits,
    updates,
    updatedRestaurants,
    formerRatings,
    renames,
    renamedRestaurants,
    formerNames,
  }
}
