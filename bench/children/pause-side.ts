import { tell } from '../child-message.ts'
import { Histogram } from '../core/histogram.ts'
import { OurStore } from '../core/our-store.ts'
import { average } from '../core/our-views.ts'
import { smallTransactions } from '../core/small-transactions.ts'
import { makeWorkload } from '../core/workload.ts'
import type { ViewChange } from '../../src/ivm/view-state.ts'

// How long small transactions take, one after the other without a break, with somebody who keeps what they are told for a while.

const [visitCount = '0', restaurantCount = '0', count = '0'] = process.argv.slice(2)
const [visits, restaurants, transactions] = [Number(visitCount), Number(restaurantCount), Number(count)]
const KEPT = 1 << 10

const none = { warmUp: 0, single: 0, read: 0, batched: 0, renames: 0 }
const workload = makeWorkload({ visits, restaurants, ...none })
const messages = smallTransactions(transactions, visits, restaurants)
const store = new OurStore(average)
store.writeVisits(workload.visits, 0, visits)
store.network.flush()
store.view.retain(true)

const kept: (readonly ViewChange[] | undefined)[] = Array.from({ length: KEPT }, () => undefined)
const durations = new Histogram()
let told = 0
// From the end of one transaction to the end of the next: what happens between them counts as well.
let before = performance.now()
for (let index = 0; index < messages.count; index += 1) {
  store.writeVisits(messages, index, index + 1)
  for (const changes of store.network.flush().values()) {
    kept[index % KEPT] = changes
    told += changes.length
  }
  const now = performance.now()
  durations.record((now - before) * 1e6)
  before = now
}
if (told < transactions / 2) throw new Error('the view told less than it should')

// The same loop without the work, as long: what the machine itself does to it.
const machine = new Histogram()
const end = before + durations.total * 1e-3
for (let last = performance.now(); last < end;) {
  const now = performance.now()
  machine.record((now - last) * 1e6)
  last = now
}
const shares = [0.5, 0.99, 0.999]
tell({
  kind: 'pauses',
  pauses: {
    percentiles: shares.map((share) => durations.percentile(share)),
    max: durations.max,
    machineMax: machine.max,
    lines: durations.lines(),
  },
})
