import { mkdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** A folder inside the project, where packages resolve as they do for generated code, gone after the test. */
export interface Workspace extends AsyncDisposable {
  readonly path: string
  write(name: string, content: string): Promise<void>
}

/** Makes an empty workspace. */
export async function workspace(): Promise<Workspace> {
  const root = resolve(import.meta.dirname, '../../.tmp')
  mkdirSync(root, { recursive: true })
  const path = await mkdtemp(join(root, 'workspace-'))
  return {
    path,
    async write(name, content) {
      mkdirSync(join(path, name, '..'), { recursive: true })
      await writeFile(join(path, name), content)
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true })
    },
  }
}
