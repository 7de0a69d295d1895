import type { Bench } from './bench.ts'
import { cpu } from './cpu.ts'
import { drain } from './drain.ts'
import { hydrate } from './hydrate.ts'
import { large } from './large.ts'
import { latency } from './latency.ts'
import { reads } from './reads.ts'

/** Every bench there is, in the order in which `--help` lists them. */
export const BENCHES: readonly Bench[] = [drain, cpu, hydrate, latency, large, reads]
