import { D2, groupBy, groupByOperators, MessageType, output, type MultiSetArray } from '@electric-sql/d2ts'
import type { CoreEngine, CoreView } from './engine.ts'
import { RowDecoder, ShownRows, type VisitRow } from './library-rows.ts'
import type { Workload } from './workload.ts'

/** `@electric-sql/d2ts`: differential dataflow; every transaction is a version, and the frontier moves behind it. */
export function d2tsEngine(workload: Workload, view: CoreView): CoreEngine {
  if (view === 'join') throw new Error('the join is not measured with d2ts')
  const { visits, updatedRestaurants } = workload
  const rows = new RowDecoder(workload)
  const shown = new ShownRows()
  const graph = new D2({ initialFrontier: 0 })
  const input = graph.newInput<VisitRow>()
  let version = 0
  input.pipe(
    groupBy(({ restaurant }: VisitRow) => ({ restaurant }), {
      rating: groupByOperators.avg(({ rating }: VisitRow) => rating),
    }),
    output((message) => {
      if (message.type !== MessageType.DATA) return
      for (const [[, row], weight] of message.data.collection.getInner()) {
        shown.change(row.restaurant, row.rating, '', weight)
      }
    }),
  )
  graph.finalize()
  const send = (changes: MultiSetArray<VisitRow>): void => {
    input.sendData(version, changes)
    version += 1
    input.sendFrontier(version)
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
