import { addAverage, addVisit, type CoreEngine, type CoreView } from './engine.ts'
import { OurStore } from './our-store.ts'
import { average, joined } from './our-views.ts'
import { TupleReader } from './tuple-reader.ts'
import type { Workload } from './workload.ts'

/** Our side: tables of columns, written from the bytes; the rows of the view are made when they are read. */
export function ourEngine(workload: Workload, view: CoreView): CoreEngine {
  const { restaurants, visits, updates, updatedRestaurants, renames } = workload
  const store = new OurStore(view === 'average' ? average : joined)
  const state = store.view
  const reader = new TupleReader(updates)
  return {
    loadRestaurants() {
      store.writeRestaurants(restaurants, 0, restaurants.count)
      store.network.flush()
    },
    loadVisits() {
      store.writeVisits(visits, 0, visits.count)
      store.network.flush()
    },
    update(from, to) {
      store.writeVisits(updates, from, to)
      store.network.flush()
    },
    rename(index) {
      store.writeRestaurants(renames, index, index + 1)
      store.network.flush()
    },
    read(index) {
      if (view === 'average') return state.get(updatedRestaurants[index])?.['rating'] as number
      reader.open(index)
      return state.get(reader.integer())?.['rating'] as number
    },
    checksum() {
      let sum = 0
      for (const row of state.rows()) {
        sum =
          view === 'average'
            ? addAverage(sum, row['restaurant'] as number, row['rating'] as number)
            : addVisit(sum, row['id'] as number, row['rating'] as number, row['name'] as string)
      }
      return sum
    },
  }
}
