import { dirname, posix } from 'node:path'
import { expect, test } from 'vitest'
import { ERROR_CODES } from '../../src/core/errors.ts'
import { source, sources } from './sources.ts'

const RUNTIME = sources('src')
const SHIPPED = sources('src', 'generators')
// This folder writes down what it looks for.
const ALL = sources('src', 'generators', 'test', 'bench', 'examples').filter(
  ({ path }) => !path.startsWith('test/architecture/'),
)

const MAX_LINES = 500

/** Files whose code matches, one line each with the first match. */
function matching(files: typeof ALL, pattern: RegExp): string[] {
  return files.flatMap(({ path, code }) => {
    const found = pattern.exec(code)
    return found === null ? [] : [`${path}: ${found[0].trim()}`]
  })
}

const pathsOf = (found: readonly string[]): string[] => found.map((line) => line.split(': ')[0] ?? line)

test('a file is short enough to be read', () => {
  const long = ALL.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
  expect(long.filter(({ lines }) => lines > MAX_LINES)).toEqual([])
})

test('nothing is exported as default but what a tool asks for', () => {
  expect(pathsOf(matching(ALL, /^export default\b|\bas default\b/m))).toEqual([
    'test/support/global-setup.ts',
    'examples/derived-table/prisma.config.ts',
  ])
})

/** What the package exports: for applications, and for their tests. */
const ENTRIES = ['src/index.ts', 'src/testing/index.ts']

test('there is one list of exports for each entry of the package', () => {
  const barrels = ALL.filter(({ code }) => {
    const rest = code.replaceAll(
      /export\s+(?:type\s+)?(?:\*|\{[^}]*\})(?:\s+as\s+\w+)?\s+from\s+'[^']+'/g,
      '',
    )
    return rest.trim() === '' && code.trim() !== ''
  })
  expect(barrels.map(({ path }) => path)).toEqual(ENTRIES)
  expect(matching(SHIPPED, /export \* from/)).toEqual([])
})

test('a file is named in kebab case', () => {
  const odd = ALL.map(({ path }) => path).filter(
    (path) => !/\/[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.ts$/.test(path),
  )
  expect(odd).toEqual([])
})

/** The command line meets its process here; its commands are given a terminal. */
const PROCESS = ['src/cli/main.ts', 'src/cli/process-terminal.ts']
/** It runs inside of tests: it looks at their environment, and starts servers for them. */
const TESTING = /^src\/testing\//

test('the runtime writes to no console, ends no process and reads no environment', () => {
  expect(matching(SHIPPED, /\bconsole\./)).toEqual([])
  const touching = pathsOf(matching(RUNTIME, /\bprocess\.|\bglobalThis\./))
  expect(touching.filter((path) => !TESTING.test(path))).toEqual(PROCESS)
  const ending = matching(RUNTIME, /\bprocess\.(?:exit|on|once|prependListener|kill|abort)\b/)
  expect(pathsOf(ending).filter((path) => !PROCESS.includes(path))).toEqual([])
})

test('every session is opened from the configuration that the TLS policy has passed', () => {
  const openers = RUNTIME.filter(({ code }) => /\bnew (?:pg\.)?(?:Client|Pool|Connection)\(/.test(code))
  expect(openers.map(({ path }) => path)).toEqual([
    'src/postgres/connect.ts',
    'src/postgres/raw-session.ts',
    // It makes one that is never connected, to have node-pg read a string.
    'src/postgres/resolve-connection.ts',
    // As an application's own session, to a server for tests.
    'src/testing/open-client.ts',
  ])
  for (const { path, code } of openers.slice(0, 2))
    expect([path, /clientConfig\(/.test(code)]).toEqual([path, true])
  expect(source('src/postgres/resolve-connection.ts').code).not.toMatch(/\.connect\(/)
})

test('no code is made from text', () => {
  expect(matching(SHIPPED, /\beval\s*\(|\bnew Function\b|\bFunction\s*\(|node:vm/)).toEqual([])
})

/** Who reads a clock, and what for. */
const WALL_CLOCK = ['src/engine/progress.ts', 'src/replication/replication-session.ts']
const MAY_WAIT = /^src\/(?:core\/backoff\.ts$|engine\/|postgres\/|replication\/|testing\/)/

test('the wall clock is read where a server asks for it or a lag is told, timers run above the line', () => {
  expect(pathsOf(matching(SHIPPED, /\bDate\.now\b|\bnew Date\(\)/))).toEqual(WALL_CLOCK)
  const timed = matching(SHIPPED, /\bset(Timeout|Interval|Immediate)\s*\(|\bperformance\.now\b/)
  expect(timed.length).toBeGreaterThan(3)
  expect(pathsOf(timed).filter((path) => !MAY_WAIT.test(path))).toEqual([])
})

test('below the run loop nothing awaits and nothing is random', () => {
  const below = RUNTIME.filter(({ path }) =>
    /^src\/(contract|values|zset|wal|changes|json|ivm|views)\//.test(path),
  )
  expect(below.length).toBeGreaterThan(50)
  expect(matching(below, /\bawait\b|\basync\b|\bnew Promise\b/)).toEqual([])
  expect(pathsOf(matching(RUNTIME, /\bMath\.random\b/))).toEqual(['src/core/backoff.ts', 'src/zset/hash.ts'])
})

test('every error is a DbsyncError; RangeError and its kind are for what no caller can do', () => {
  const thrown = RUNTIME.flatMap(({ path, code }) =>
    [...code.matchAll(/throw new (\w+)/g)].flatMap(([, name]) =>
      name === 'DbsyncError' ? [] : [`${path}: ${name}`],
    ),
  )
  expect(thrown).toEqual([
    'src/stores/change-feed.ts: RangeError',
    // Failed assertions of a user's test, which show rows.
    'src/testing/check-views.ts: ViewCheckError',
    'src/testing/verify-view.ts: ViewMismatchError',
  ])
})

test('everything that the package exports is documented where it is defined', () => {
  const exported = ENTRIES.flatMap((entry) =>
    [...source(entry).code.matchAll(/export\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'([^']+)'/g)].flatMap(
      ([, names = '', target = '']) =>
        names
          .split(',')
          .map((name) => name.trim().replace(/^type\s+/, ''))
          .filter((name) => name !== '')
          .map((name) => ({ name, path: posix.join(dirname(entry), target) })),
    ),
  )
  expect(exported.length).toBeGreaterThan(40)
  const bare = exported.filter(({ name, path }) => {
    const lines = source(path).text.split('\n')
    const definition = new RegExp(
      `^export (?:declare |abstract |async )*(?:class|function|const|type|interface) ${name}\\b`,
    )
    const at = lines.findIndex((line) => definition.test(line))
    return at < 1 || lines[at - 1]?.trim().endsWith('*/') !== true
  })
  expect(bare).toEqual([])
})

/** Codes that are promised and that no code of today throws; none is the aim. */
const WAITING: readonly string[] = []

test('every error code is used, and every code used is registered', () => {
  const registered = Object.keys(ERROR_CODES)
  const namespaces = new Set(registered.map((code) => code.split('.')[0]))
  const used = new Set(
    SHIPPED.filter(({ path }) => path !== 'src/core/errors.ts').flatMap(({ code }) =>
      [...code.matchAll(/'([A-Z]+)\.([A-Z_]+)'/g)].flatMap(([, space, name]) =>
        namespaces.has(space) ? [`${space}.${name}`] : [],
      ),
    ),
  )
  expect([...used].filter((code) => !registered.includes(code))).toEqual([])
  expect(registered.filter((code) => !used.has(code)).toSorted()).toEqual(WAITING.toSorted())
})
