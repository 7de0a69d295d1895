import type { Bench } from './bench.ts'
import { core } from './core.ts'
import { cpu } from './cpu.ts'
import { drain } from './drain.ts'
import { hydrate } from './hydrate.ts'
import { large } from './large.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { reads } from './reads.ts'
import { restart } from './restart.ts'
import { sink } from './sink.ts'
import { skew } from './skew.ts'
import { writers } from './writers.ts'

/** Every bench there is, in the order in which `--help` lists them. */
export const BENCHES: readonly Bench[] = [
  drain,
  cpu,
  core,
  reads,
  skew,
  memory,
  hydrate,
  latency,
  large,
  restart,
  sink,
  writers,
]
