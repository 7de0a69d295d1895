import type { TestProject } from 'vitest/node'
import { majorOf, startServer } from './server.ts'
import { tellSlotWaits } from './slot-waits.ts'

declare module 'vitest' {
  interface ProvidedContext {
    serverUrl: string
    /** For tests of what only some majors have. */
    serverMajor: number
  }
}

/** One server for the whole run; every test makes its own database in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer()
  project.provide('serverUrl', server.url)
  project.provide('serverMajor', await majorOf(server.url))
  const endTelling = await tellSlotWaits(server.url)
  return async () => {
    await endTelling()
    await server.stop()
  }
}
