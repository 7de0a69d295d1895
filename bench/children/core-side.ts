import { tell } from '../child-message.ts'
import { d2tsEngine } from '../core/d2ts-engine.ts'
import { dbIvmEngine } from '../core/db-ivm-engine.ts'
import type { CoreEngine, CoreView } from '../core/engine.ts'
import { mapEngine } from '../core/map-engine.ts'
import { ourEngine } from '../core/our-engine.ts'
import { runEngine } from '../core/run-engine.ts'
import { FULL_SIZE, makeWorkload, QUICK_SIZE, type Workload } from '../core/workload.ts'

// One side of `core`: an engine, one view, and the workload, whole or only as far as the warm-up goes.

const ENGINES: Readonly<Record<string, (workload: Workload, view: CoreView) => CoreEngine>> = {
  ours: ourEngine,
  map: mapEngine,
  'db-ivm': dbIvmEngine,
  d2ts: d2tsEngine,
}

const [name = '', view = '', isQuick = '', isShort = ''] = process.argv.slice(2)
const make = ENGINES[name]
if (make === undefined) throw new Error(`no engine ${name}`)
const workload = makeWorkload(isQuick === 'true' ? QUICK_SIZE : FULL_SIZE)
const engine = make(workload, view === 'join' ? 'join' : 'average')
tell({ kind: 'engine', run: runEngine(engine, workload, isShort === 'true') })
