import { describe, expect, test } from 'vitest'
import { importsOf, packageOf, sources, type ImportOf } from './sources.ts'

/*
 * The import law. A change takes one straight way through the floors; each may know those before it that are listed
 * here and no others. A new arrow is a decision: it is made in this table.
 */

interface Floor {
  readonly floors: readonly string[]
  /** Packages and Node modules. */
  readonly packages?: readonly string[]
}

/** In order: a floor stands on earlier ones alone. */
const LAW: Readonly<Record<string, Floor>> = {
  core: { floors: [] },
  contract: { floors: ['core'], packages: ['node:crypto', 'zod'] },
  values: { floors: ['core', 'contract'] },
  zset: { floors: ['core', 'contract', 'values'] },
  postgres: { floors: ['core', 'contract'], packages: ['node:fs', 'node:net', 'node:tls', 'pg'] },
  replication: { floors: ['core', 'postgres'] },
  wal: { floors: ['core'] },
  snapshot: { floors: ['core', 'contract', 'postgres', 'wal'], packages: ['node:crypto'] },
  changes: { floors: ['core', 'contract', 'values', 'zset', 'postgres', 'wal', 'snapshot'] },
  json: { floors: ['core', 'contract', 'values', 'changes'], packages: ['zod'] },
  ivm: { floors: ['core', 'contract', 'values', 'zset'] },
  views: { floors: ['core', 'contract', 'values', 'zset', 'ivm'], packages: ['node:crypto'] },
  stores: {
    floors: ['core', 'contract', 'values', 'postgres', 'ivm', 'views'],
    packages: ['node:crypto', 'pg'],
  },
  // What runs inside the application's own Prisma Client. Below the engine, which asks it for the commits of a request.
  client: { floors: ['core'], packages: ['node:async_hooks'] },
  state: {
    floors: ['core', 'zset'],
    packages: [
      'node:fs',
      'node:fs/promises',
      'node:os',
      'node:path',
      'node:timers/promises',
      'node:url',
      'node:zlib',
      'zod',
    ],
  },
  engine: {
    floors: [
      'core',
      'client',
      'contract',
      'values',
      'zset',
      'postgres',
      'replication',
      'wal',
      'snapshot',
      'changes',
      'ivm',
      'views',
      'stores',
      'state',
    ],
    packages: [
      'node:crypto',
      'node:events',
      'node:fs',
      'node:fs/promises',
      'node:os',
      'node:path',
      'node:timers/promises',
      'zod',
    ],
  },
  cli: {
    floors: ['core', 'contract', 'postgres', 'changes', 'json', 'views', 'stores', 'engine'],
    packages: ['commander', 'node:fs/promises', 'node:module', 'node:path', 'node:url', 'zod'],
  },
  // For users' tests; nothing here imports it.
  testing: {
    floors: ['core', 'contract', 'values', 'postgres', 'changes', 'views', 'stores', 'engine'],
    packages: [
      // The project's own, if it is there.
      'fast-check',
      'node:assert',
      'node:child_process',
      'node:crypto',
      'node:events',
      'node:fs',
      'node:fs/promises',
      'node:module',
      'node:net',
      'node:os',
      'node:path',
      'node:timers/promises',
      'node:url',
      'node:util',
      'pg',
      // Its types alone: the package is the project's own, and loaded where it is there.
      'testcontainers',
    ],
  },
  index: {
    floors: ['core', 'contract', 'postgres', 'changes', 'json', 'views', 'stores', 'client', 'engine'],
  },
}

/** The view's IR is plain data that the planner hands to the operators; its types may be named there. */
const SHARED_TYPES = new Set(['src/views/view-ir.ts'])

const floorOf = (path: string): string => {
  const [, folder = '', rest] = path.split('/')
  return rest === undefined ? folder.replace(/\.ts$/, '') : folder
}

const FILES = sources('src')
const IMPORTS = FILES.flatMap(importsOf)

describe('the floors of src', () => {
  test('are the ones of the law', () => {
    expect([...new Set(FILES.map(({ path }) => floorOf(path)))].toSorted()).toEqual(
      Object.keys(LAW).toSorted(),
    )
  })

  test('stand on earlier floors alone, so that there are no cycles', () => {
    const names = Object.keys(LAW)
    const upward = Object.entries(LAW).flatMap(([floor, { floors }]) =>
      floors
        .filter((other) => names.indexOf(other) >= names.indexOf(floor))
        .map((other) => `${floor} → ${other}`),
    )
    expect(upward).toEqual([])
  })

  const isShared = ({ target, isType }: ImportOf): boolean => isType && SHARED_TYPES.has(target)
  const between = IMPORTS.filter((one) => one.target.startsWith('src/') && !isShared(one))
    .map(({ path, target }) => ({ path, target, from: floorOf(path), to: floorOf(target) }))
    .filter(({ from, to }) => from !== to)

  test('import what the law allows and nothing else', () => {
    const broken = between.filter(({ from, to }) => LAW[from]?.floors.includes(to) !== true)
    expect(broken.map(({ path, target }) => `${path} imports ${target}`)).toEqual([])
    expect(between.length).toBeGreaterThan(100)
  })

  test('make use of every arrow of the law; one that nobody needs is taken out', () => {
    const used = new Set(between.map(({ from, to }) => `${from} → ${to}`))
    const unused = Object.entries(LAW).flatMap(([floor, { floors }]) =>
      floors.map((other) => `${floor} → ${other}`).filter((arrow) => !used.has(arrow)),
    )
    expect(unused).toEqual([])
  })

  test('import packages and Node modules where the law names them', () => {
    const outside = IMPORTS.filter(({ target }) => !target.startsWith('src/'))
    const found = new Map<string, Set<string>>()
    for (const { path, target } of outside) {
      const floor = floorOf(path)
      found.set(floor, (found.get(floor) ?? new Set()).add(packageOf(target) ?? target))
    }
    const actual = Object.fromEntries([...found].map(([floor, names]) => [floor, [...names].toSorted()]))
    const expected = Object.fromEntries(
      Object.entries(LAW).flatMap(([floor, { packages }]) =>
        packages === undefined ? [] : [[floor, packages]],
      ),
    )
    expect(actual).toEqual(expected)
  })

  test('share the types of the IR with the operators, and nothing else out of order', () => {
    const shared = IMPORTS.filter(isShared).filter(({ path }) => floorOf(path) !== 'views')
    expect(new Set(shared.map(({ path }) => floorOf(path)))).toEqual(
      new Set(['index', 'ivm', 'stores', 'testing']),
    )
  })
})

describe('the build plane', () => {
  const generators = sources('generators').flatMap(importsOf)

  test('shares the contract and the words of core with the runtime, nothing else', () => {
    const shared = generators
      .filter(({ target }) => target.startsWith('src/'))
      .map(({ target }) => floorOf(target))
    expect([...new Set(shared)].toSorted()).toEqual(['contract', 'core'])
  })

  test('loads zod, get-tsconfig and Node alone; Prisma hands over its data', () => {
    const packages = new Set(
      generators.map(({ target }) => packageOf(target)).filter((name) => name !== null),
    )
    expect([...packages]).toEqual(['zod', 'get-tsconfig'])
  })

  test('is not known to the runtime, and neither are tests, examples and Prisma', () => {
    const foreign = IMPORTS.filter(({ target }) =>
      /^(?:generators|test|bench|examples|generated)\/|^@?prisma(?:\/|$)/.test(target),
    )
    expect(foreign).toEqual([])
  })
})
