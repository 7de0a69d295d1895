import { addAverage, addVisit, type CoreEngine, type CoreView } from './engine.ts'
import { TupleReader } from './tuple-reader.ts'
import type { Workload } from './workload.ts'

/** What somebody would write for just this view: Maps of row objects, changed in place. That a visit could move is left out. */
export function mapEngine(workload: Workload, view: CoreView): CoreEngine {
  return view === 'average' ? averageByMap(workload) : joinByMap(workload)
}

/** Visits by id, sums by restaurant, and the view by restaurant. */
function averageByMap({ visits, updates, updatedRestaurants }: Workload): CoreEngine {
  const rows = new Map<number, { readonly restaurant: number; rating: number }>()
  const sums = new Map<number, { count: number; sum: number }>()
  const view = new Map<number, { readonly restaurant: number; rating: number }>()
  const put = (reader: TupleReader, index: number): void => {
    reader.open(index)
    const id = reader.integer()
    const restaurant = reader.integer()
    reader.integer()
    const rating = reader.integer()
    let total = sums.get(restaurant)
    if (total === undefined) {
      total = { count: 0, sum: 0 }
      sums.set(restaurant, total)
    }
    const row = rows.get(id)
    if (row === undefined) {
      rows.set(id, { restaurant, rating })
      total.count += 1
      total.sum += rating
    } else {
      total.sum += rating - row.rating
      row.rating = rating
    }
    const shown = view.get(restaurant)
    if (shown === undefined) view.set(restaurant, { restaurant, rating })
    else shown.rating = total.sum / total.count
  }
  const loading = new TupleReader(visits)
  const updating = new TupleReader(updates)
  return {
    loadRestaurants() {},
    loadVisits() {
      for (let index = 0; index < visits.count; index += 1) put(loading, index)
    },
    update(from, to) {
      for (let index = from; index < to; index += 1) put(updating, index)
    },
    rename() {},
    read(index) {
      return view.get(updatedRestaurants[index]!)?.rating ?? Number.NaN
    },
    checksum() {
      let sum = 0
      for (const row of view.values()) sum = addAverage(sum, row.restaurant, row.rating)
      return sum
    },
  }
}

/** Visits by id, which are the view's rows as well, and the visits of each restaurant. */
function joinByMap({ restaurants, visits, updates, renames }: Workload): CoreEngine {
  interface Row {
    readonly id: number
    rating: number
    name: string
  }
  const view = new Map<number, Row>()
  const byRestaurant = new Map<number, { name: string; readonly visits: Set<Row> }>()
  const loading = new TupleReader(visits)
  const updating = new TupleReader(updates)
  const naming = new TupleReader(restaurants)
  const renaming = new TupleReader(renames)
  return {
    loadRestaurants() {
      for (let index = 0; index < restaurants.count; index += 1) {
        naming.open(index)
        byRestaurant.set(naming.integer(), { name: naming.text(), visits: new Set() })
      }
    },
    loadVisits() {
      for (let index = 0; index < visits.count; index += 1) {
        loading.open(index)
        const id = loading.integer()
        const restaurant = byRestaurant.get(loading.integer())
        if (restaurant === undefined) continue
        loading.integer()
        const row = { id, rating: loading.integer(), name: restaurant.name }
        view.set(id, row)
        restaurant.visits.add(row)
      }
    },
    update(from, to) {
      for (let index = from; index < to; index += 1) {
        updating.open(index)
        const row = view.get(updating.integer())
        updating.integer()
        updating.integer()
        if (row !== undefined) row.rating = updating.integer()
      }
    },
    rename(index) {
      renaming.open(index)
      const restaurant = byRestaurant.get(renaming.integer())
      if (restaurant === undefined) return
      restaurant.name = renaming.text()
      for (const row of restaurant.visits) row.name = restaurant.name
    },
    read(index) {
      updating.open(index)
      return view.get(updating.integer())?.rating ?? Number.NaN
    },
    checksum() {
      let sum = 0
      for (const { id, rating, name } of view.values()) sum = addVisit(sum, id, rating, name)
      return sum
    },
  }
}
