import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { STRICTEST } from './compile.ts'
import { workspace, type Workspace } from './workspace.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** The compilers that users have: the oldest that is supported, the last of the old kind, and today's. */
export const COMPILERS = {
  '5.4': 'test/generator/typescript-5.4/node_modules/typescript/bin/tsc',
  '6': 'docs/node_modules/typescript/bin/tsc',
  '7': 'node_modules/typescript/bin/tsc',
} as const

/** How a project finds its modules. */
export const RESOLUTIONS = {
  nodenext: { module: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
} as const

/** What TypeScript 5.4 does not know yet. */
const LATER = new Set(['isolatedDeclarations', 'erasableSyntaxOnly', 'noUncheckedSideEffectImports'])

/** A project that has the package as it is published: its declarations, and none of its sources. */
export async function userProject(): Promise<Workspace> {
  const space = await workspace()
  const home = 'node_modules/prisma-dbsync'
  await space.write('package.json', JSON.stringify({ type: 'module' }))
  const exports = { '.': { types: './dist/src/index.d.ts', default: './dist/src/index.js' } }
  await space.write(
    `${home}/package.json`,
    JSON.stringify({ name: 'prisma-dbsync', type: 'module', exports }),
  )
  const outDir = join(space.path, home, 'dist')
  const flags = [
    '--emitDeclarationOnly',
    '--declarationMap',
    'false',
    '--sourceMap',
    'false',
    '--outDir',
    outDir,
  ]
  await run(join(ROOT, COMPILERS['7']), ['-p', join(ROOT, 'tsconfig.build.json'), ...flags], { cwd: ROOT })
  return space
}

/** How files are compiled. */
export interface CompileOptions {
  readonly compiler: keyof typeof COMPILERS
  readonly resolution: keyof typeof RESOLUTIONS
  /** Whether declarations of packages are checked too. */
  readonly checksLibraries?: boolean
}

/** Compiles files of a project; what tsc prints, with its statistics. */
export async function compileWith(
  project: Workspace,
  files: readonly string[],
  { compiler, resolution, checksLibraries = false }: CompileOptions,
): Promise<string> {
  const { customConditions: _, ...strictest } = STRICTEST
  const known = Object.entries(strictest).filter(([name]) => compiler !== '5.4' || !LATER.has(name))
  const compilerOptions = {
    ...Object.fromEntries(known),
    ...(compiler === '5.4' ? { target: 'es2022' } : {}),
    ...RESOLUTIONS[resolution],
    lib: ['es2023', 'esnext.disposable'],
    skipLibCheck: !checksLibraries,
  }
  const name = `tsconfig.${compiler}.${resolution}.${String(checksLibraries)}.json`
  await project.write(name, JSON.stringify({ compilerOptions, files }))
  const args = [
    join(ROOT, COMPILERS[compiler]),
    '-p',
    join(project.path, name),
    '--pretty',
    'false',
    '--extendedDiagnostics',
  ]
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd: project.path }, (_error, stdout, stderr) =>
      done(`${stdout}${stderr}`),
    )
  })
}

/** The version that a compiler says it is. */
export async function versionOf(compiler: keyof typeof COMPILERS): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(join(ROOT, COMPILERS[compiler], '../../package.json'), 'utf8'),
  )
  return String(Reflect.get(manifest as object, 'version'))
}

/** The lines of an output that are errors. */
export function errorsIn(output: string): string[] {
  return output.split('\n').filter((line) => /\berror TS\d+:/.test(line))
}

/** A count of `--extendedDiagnostics`. */
export function countIn(
  output: string,
  name: 'Types' | 'Symbols' | 'Instantiations' | 'Identifiers',
): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(output)?.[1])
}
