import { tell } from '../child-message.ts'
import { OurStore } from '../core/our-store.ts'
import { average, extremes } from '../core/our-views.ts'
import { makeWorkload } from '../core/workload.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'

// One side of `skew`: all values distinct, groups of one size; transactions of one update.

const [visits = '0', groupSize = '1', updates = '0'] = process.argv.slice(2)
const size = {
  visits: Number(visits),
  restaurants: Number(visits) / Number(groupSize),
  warmUp: Math.floor(Number(updates) / 5),
  single: Number(updates),
  read: 0,
  batched: 0,
  renames: 0,
}
const workload = makeWorkload(size, true)

function updatesPerSecond(view: ViewDefinition): number {
  const store = new OurStore(view)
  store.writeVisits(workload.visits, 0, size.visits)
  store.network.flush()
  const run = (from: number, to: number): void => {
    for (let index = from; index < to; index += 1) {
      store.writeVisits(workload.updates, index, index + 1)
      store.network.flush()
    }
  }
  run(0, size.warmUp)
  const start = performance.now()
  run(size.warmUp, workload.updates.count)
  const perSecond = (size.single / (performance.now() - start)) * 1000
  const groups = [...store.view.rows()].length
  if (groups !== size.restaurants) throw new Error(`the view has ${groups} rows, not ${size.restaurants}`)
  return perSecond
}

tell({
  kind: 'figures',
  figures: { average: updatesPerSecond(average), extremes: updatesPerSecond(extremes) },
})
