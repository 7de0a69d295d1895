import { readFile } from 'node:fs/promises'
import type { Profiler } from 'node:inspector'
import { FULL_SIZE, prepareTables, QUICK_SIZE, writeBacklog } from './backlog.ts'
import { buildChildren } from './child.ts'
import { benchServer } from './server.ts'
import { WaitingSyncs } from './waiting-syncs.ts'

// Where our side of `drain` and `cpu` spends its time: npx tsx bench/profile.ts [--quick] [FILE]
// FILE can be opened in a browser's developer tools.

/** Self time by function, in microseconds; the program's idle time is left out. */
function selfTimes(profile: Profiler.Profile): Map<string, number> {
  const names = new Map(
    profile.nodes.map(({ id, callFrame }) => {
      const file = callFrame.url.replace(/^.*\/\.tmp\/bench\//, '').replace(/^file:\/\/.*node_modules\//, '')
      const place = file === '' ? '' : ` ${file}:${callFrame.lineNumber + 1}`
      return [id, `${callFrame.functionName || '(anonymous)'}${place}`]
    }),
  )
  const times = new Map<string, number>()
  profile.samples?.forEach((id, index) => {
    const name = names.get(id) ?? ''
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas?.[index] ?? 0))
  })
  times.delete('(idle)')
  return times
}

const args = process.argv.slice(2)
const size = args.includes('--quick') ? QUICK_SIZE : FULL_SIZE
const file = args.find((arg) => !arg.startsWith('-')) ?? '.tmp/drain.cpuprofile'
await buildChildren()
await using server = await benchServer()
await prepareTables(server, size)
await using syncs = new WaitingSyncs(server)
await syncs.add('ours', file)
await writeBacklog(server, size)
const { seconds, cpuSeconds } = await syncs.runNext()

const profile = JSON.parse(await readFile(file, 'utf8')) as Profiler.Profile
const times = selfTimes(profile)
const total = [...times.values()].reduce((sum, time) => sum + time, 0)
console.log(
  `${seconds.toFixed(2)} s, CPU ${cpuSeconds.toFixed(2)} s; main thread busy ${(total / 1e6).toFixed(2)} s`,
)
for (const [name, time] of [...times].toSorted(([, a], [, b]) => b - a).slice(0, 45)) {
  console.log(
    `${((time / total) * 100).toFixed(1).padStart(5)} %  ${(time / 1000).toFixed(0).padStart(6)} ms  ${name}`,
  )
}
