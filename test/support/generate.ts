import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const ROOT = resolve(import.meta.dirname, '../..')

/** Written after each run. The outputs' own times do not tell: what has not changed is not rewritten. */
const STAMP = 'generated/.stamp'
const OUTPUTS = ['', 'examples/derived-table/'].flatMap((project) =>
  ['client/client.ts', 'dbsync/index.ts', 'dbsync/contract.json'].map(
    (file) => `${project}generated/${file}`,
  ),
)
const INPUTS = [
  'prisma/schema.prisma',
  'prisma.config.ts',
  'examples/derived-table/schema.prisma',
  'generators',
  'src/contract',
  'src/core/errors.ts',
  'node_modules/.package-lock.json',
]

/** What one run of `prisma generate` printed, and how it ended. */
export interface PrismaRun {
  readonly status: number | null
  readonly output: string
}

/** What keeps Prisma's command line offline and plain. Only ever for `generate`. */
export const GENERATE_ENVIRONMENT = {
  NO_COLOR: '1',
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
  CHECKPOINT_DISABLE: '1',
  // The CLI downloads the schema engine before it generates, which does not use it. Naming a binary stops
  // that. Only ever for `generate`: `migrate` and `db push` would do nothing with it, and exit with 0.
  PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true',
} as const

/** Runs `prisma generate` in a folder; what it prints is returned, both streams in one text. */
export function prismaGenerate(cwd: string, args: readonly string[] = []): PrismaRun {
  const bin = join(ROOT, 'node_modules/.bin')
  const run = spawnSync(join(bin, 'prisma'), ['generate', '--no-hints', ...args], {
    cwd,
    encoding: 'utf8',
    env: {
      ...process.env,
      // npx and npm scripts put it there; Prisma starts a generator by its name in the PATH.
      PATH: [join(cwd, 'node_modules/.bin'), bin, process.env['PATH']].join(delimiter),
      ...GENERATE_ENVIRONMENT,
    },
  })
  return { status: run.status, output: `${run.stdout}${run.stderr}` }
}

function newestTime(path: string): number {
  if (!existsSync(path)) return Infinity
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  const entries = readdirSync(path).map((name) => newestTime(join(path, name)))
  return Math.max(stats.mtimeMs, ...entries)
}

/** Whether a project's generated code is newer than all that it is made from. */
export function isFresh(root: string): boolean {
  const stamp = join(root, STAMP)
  if (![stamp, ...OUTPUTS.map((path) => join(root, path))].every((path) => existsSync(path))) return false
  const time = statSync(stamp).mtimeMs
  return INPUTS.every((path) => newestTime(join(root, path)) < time)
}

function main(): void {
  if (isFresh(ROOT)) return
  const started = Date.now()
  for (const project of [ROOT, join(ROOT, 'examples/derived-table')]) {
    const { status, output } = prismaGenerate(project)
    if (status === 0) continue
    process.stderr.write(output)
    process.exitCode = 1
    return
  }
  writeFileSync(join(ROOT, STAMP), `generated in ${Date.now() - started} ms\n`)
  // An input saved while the generator ran counts as newer.
  utimesSync(join(ROOT, STAMP), started / 1000, started / 1000)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main()
