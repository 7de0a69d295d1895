import { tell } from '../child-message.ts'
import { mapEngine } from '../core/map-engine.ts'
import { ourEngine } from '../core/our-engine.ts'
import { makeWorkload } from '../core/workload.ts'

// One side of `memory`: what a loaded view takes, all of its rows read once. Needs --expose-gc.

const [name = '', visitCount = '0', restaurantCount = '0'] = process.argv.slice(2)
const [visits, restaurants] = [Number(visitCount), Number(restaurantCount)]

/** What the heap and array buffers hold when garbage is gone. */
function usedBytes(): number {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
const size = { visits, restaurants, warmUp: 0, single: 0, read: 0, batched: 0, renames: 0 }
const workload = makeWorkload(size)
const base = usedBytes()
const engine = (name === 'ours' ? ourEngine : mapEngine)(workload, 'average')
engine.loadVisits()
const checksum = engine.checksum()
const bytes = usedBytes() - base
// The engine and the workload are used afterwards, so that neither may be collected before.
if (engine.checksum() !== checksum || workload.visits.count !== visits)
  throw new Error('the view has changed')
tell({ kind: 'figures', figures: { bytesPerRow: bytes / visits, checksum } })
