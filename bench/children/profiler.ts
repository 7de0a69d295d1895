import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'

/** Samples this process' stacks from now on; what is returned writes them to a `.cpuprofile` file. */
export async function startProfiler(file: string): Promise<() => Promise<void>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 250 })
  await session.post('Profiler.start')
  return async () => {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    writeFileSync(file, JSON.stringify(profile))
  }
}
