import { addAverage, addVisit } from './engine.ts'
import { TupleReader } from './tuple-reader.ts'
import type { Workload } from './workload.ts'

/** A visit as a decoder gives it: a fresh object. */
export interface VisitRow {
  readonly id: number
  readonly restaurant: number
  readonly user: number
  readonly rating: number
}

/** A restaurant as a decoder gives it. */
export interface RestaurantRow {
  readonly id: number
  readonly name: string
  readonly city: string
}

/** Decodes the workload's messages into fresh objects, for libraries that take such. */
export class RowDecoder {
  readonly #workload: Workload
  readonly #visits: TupleReader
  readonly #updates: TupleReader
  readonly #restaurants: TupleReader
  readonly #renames: TupleReader

  constructor(workload: Workload) {
    this.#workload = workload
    this.#visits = new TupleReader(workload.visits)
    this.#updates = new TupleReader(workload.updates)
    this.#restaurants = new TupleReader(workload.restaurants)
    this.#renames = new TupleReader(workload.renames)
  }

  visit(index: number): VisitRow {
    return visitOf(this.#visits, index)
  }

  /** The row before and after an update. The WAL does not tell the former; here the library is spared to look it up. */
  update(index: number): { readonly before: VisitRow; readonly after: VisitRow } {
    const after = visitOf(this.#updates, index)
    const { id, restaurant, user } = after
    return { before: { id, restaurant, user, rating: this.#workload.formerRatings[index]! }, after }
  }

  /** The visit that an update is about. */
  updatedId(index: number): number {
    this.#updates.open(index)
    return this.#updates.integer()
  }

  restaurant(index: number): RestaurantRow {
    return restaurantOf(this.#restaurants, index)
  }

  rename(index: number): { readonly before: RestaurantRow; readonly after: RestaurantRow } {
    const after = restaurantOf(this.#renames, index)
    const { id, city } = after
    return { before: { id, name: this.#workload.formerNames[index] ?? '', city }, after }
  }
}

function visitOf(reader: TupleReader, index: number): VisitRow {
  reader.open(index)
  const id = reader.integer()
  const restaurant = reader.integer()
  const user = reader.integer()
  return { id, restaurant, user, rating: reader.integer() }
}

function restaurantOf(reader: TupleReader, index: number): RestaurantRow {
  reader.open(index)
  const id = reader.integer()
  const name = reader.text()
  return { id, name, city: reader.text() }
}

/** What a library put out so far, by key: the view that somebody reads. */
export class ShownRows {
  readonly #rows = new Map<number, { readonly rating: number; readonly name: string }>()
  /** Of all rows that came, less those that went. */
  #weight = 0

  /** Takes a row that came (1) or went (-1); a row that went after its successor came is passed over. */
  change(key: number, rating: number, name: string, weight: number): void {
    this.#weight += weight
    if (weight > 0) {
      this.#rows.set(key, { rating, name })
      return
    }
    const shown = this.#rows.get(key)
    if (shown !== undefined && shown.rating === rating && shown.name === name) this.#rows.delete(key)
  }

  rating(key: number): number {
    return this.#rows.get(key)?.rating ?? Number.NaN
  }

  /** See {@link addAverage} and {@link addVisit}. Throws if a row came without its predecessor going. */
  checksum(isJoin: boolean): number {
    if (this.#weight !== this.#rows.size) throw new Error(`${this.#rows.size} keys have ${this.#weight} rows`)
    let sum = 0
    for (const [key, { rating, name }] of this.#rows) {
      sum = isJoin ? addVisit(sum, key, rating, name) : addAverage(sum, key, rating)
    }
    return sum
  }
}
