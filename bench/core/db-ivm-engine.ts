import { D2, groupBy, groupByOperators, join, output, type MultiSetArray } from '@tanstack/db-ivm'
import type { CoreEngine, CoreView } from './engine.ts'
import { RowDecoder, ShownRows, type RestaurantRow, type VisitRow } from './library-rows.ts'
import type { Workload } from './workload.ts'

/** `@tanstack/db-ivm`: a graph of operators over multisets of row objects, run to its end in each transaction. */
export function dbIvmEngine(workload: Workload, view: CoreView): CoreEngine {
  return view === 'average' ? averageByDbIvm(workload) : joinByDbIvm(workload)
}

function averageByDbIvm(workload: Workload): CoreEngine {
  const { visits, updatedRestaurants } = workload
  const rows = new RowDecoder(workload)
  const shown = new ShownRows()
  const graph = new D2()
  const input = graph.newInput<VisitRow>()
  input.pipe(
    groupBy(({ restaurant }: VisitRow) => ({ restaurant }), {
      rating: groupByOperators.avg(({ rating }: VisitRow) => rating),
    }),
    output((changes) => {
      for (const [[, row], weight] of changes.getInner()) {
        shown.change(row.restaurant, row.rating, '', weight)
      }
    }),
  )
  graph.finalize()
  const send = (changes: MultiSetArray<VisitRow>): void => {
    input.sendData(changes)
    graph.run()
  }
  return {
    loadRestaurants() {},
    loadVisits() {
      send(Array.from({ length: visits.count }, (_, index) => [rows.visit(index), 1]))
    },
    update(from, to) {
      const changes: MultiSetArray<VisitRow> = []
      for (let index = from; index < to; index += 1) {
        const { before, after } = rows.update(index)
        changes.push([before, -1], [after, 1])
      }
      send(changes)
    },
    rename() {},
    read: (index) => shown.rating(updatedRestaurants[index]!),
    checksum: () => shown.checksum(false),
  }
}

function joinByDbIvm(workload: Workload): CoreEngine {
  type KeyedVisit = [number, VisitRow]
  type KeyedRestaurant = [number, RestaurantRow]
  const { visits, restaurants } = workload
  const rows = new RowDecoder(workload)
  const shown = new ShownRows()
  const graph = new D2()
  const visitInput = graph.newInput<KeyedVisit>()
  const restaurantInput = graph.newInput<KeyedRestaurant>()
  visitInput.pipe(
    join<number, VisitRow, RestaurantRow, KeyedVisit>(restaurantInput, 'inner'),
    output((changes) => {
      for (const [[, [visit, restaurant]], weight] of changes.getInner()) {
        if (visit === null || restaurant === null) throw new Error('an inner join gave half a row')
        shown.change(visit.id, visit.rating, restaurant.name, weight)
      }
    }),
  )
  graph.finalize()
  return {
    loadRestaurants() {
      restaurantInput.sendData(
        Array.from({ length: restaurants.count }, (_, index) => {
          const row = rows.restaurant(index)
          return [[row.id, row], 1]
        }),
      )
      graph.run()
    },
    loadVisits() {
      visitInput.sendData(
        Array.from({ length: visits.count }, (_, index) => {
          const row = rows.visit(index)
          return [[row.restaurant, row], 1]
        }),
      )
      graph.run()
    },
    update(from, to) {
      const changes: MultiSetArray<KeyedVisit> = []
      for (let index = from; index < to; index += 1) {
        const { before, after } = rows.update(index)
        changes.push([[before.restaurant, before], -1], [[after.restaurant, after], 1])
      }
      visitInput.sendData(changes)
      graph.run()
    },
    rename(index) {
      const { before, after } = rows.rename(index)
      restaurantInput.sendData([
        [[before.id, before], -1],
        [[after.id, after], 1],
      ])
      graph.run()
    },
    read: (index) => shown.rating(rows.updatedId(index)),
    checksum: () => shown.checksum(true),
  }
}
