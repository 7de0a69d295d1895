import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import type { Workspace } from './workspace.ts'

/** The strictest settings a user may have; unused names are errors too. */
export const STRICTEST = {
  target: 'es2023',
  module: 'nodenext',
  types: [],
  noEmit: true,
  strict: true,
  declaration: true,
  isolatedModules: true,
  isolatedDeclarations: true,
  erasableSyntaxOnly: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  noUncheckedSideEffectImports: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  allowUnreachableCode: false,
  allowUnusedLabels: false,
  customConditions: ['prisma-dbsync-source'],
} as const

/**
 * Compiles files of a workspace; resolves to what tsc reports of them, empty if all is well. The package's own
 * sources, which the files import by its name, are checked elsewhere; Prisma's client is Prisma's business.
 */
export async function compile(space: Workspace, files: readonly string[]): Promise<string> {
  const compilerOptions = { ...STRICTEST, skipLibCheck: true }
  await space.write('tsconfig.json', JSON.stringify({ compilerOptions, files }))
  const root = resolve(import.meta.dirname, '../..')
  const args = ['-p', space.path, '--pretty', 'false']
  return new Promise((done) => {
    execFile(join(root, 'node_modules/.bin/tsc'), args, { cwd: root }, (_, stdout, stderr) => {
      const errors = `${stdout}${stderr}`.split(/\n(?=\S)/)
      done(
        errors
          .filter((error) => !error.startsWith('src/') && !error.includes('/out/client/'))
          .join('\n')
          .trim(),
      )
    })
  })
}
