import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

/** Files in a folder inside the project, so that imports resolve as they do for the project. */
async function compile(files: Readonly<Record<string, string>>, flags: readonly string[] = []) {
  await mkdir('.tmp', { recursive: true })
  const folder = await mkdtemp(resolve('.tmp/types-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const config = {
      extends: '../../tsconfig.json',
      include: [
        '*.ts',
        '../../test/types/views.ts',
        '../../test/types/aggregates.ts',
        '../../test/types/functions.ts',
        '../../test/types/moving-time.ts',
        '../../test/types/relational-views.ts',
        '../../test/types/consumers.ts',
        '../../test/types/indexes.ts',
      ],
      exclude: [],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    return await new Promise<{ code: number; output: string }>((done) => {
      execFile('node_modules/.bin/tsc', ['-p', folder, '--pretty', 'false', ...flags], (error, output) =>
        done({ code: error === null ? 0 : 1, output }),
      )
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What the compiler had to instantiate for these files and for the files of this folder. */
async function instantiations(files: Readonly<Record<string, string>>): Promise<number> {
  // One checker: several share the files out anew with each file, and each instantiates what it shares with the others.
  const { code, output } = await compile(files, ['--extendedDiagnostics', '--singleThreaded'])
  expect(output).not.toContain('error TS')
  expect(code).toBe(0)
  return Number(/Instantiations:\s+(\d+)/.exec(output)?.[1])
}

test('rows, keys and refusals of views, and what consumers are given, have exactly the declared types', async () => {
  const { code, output } = await compile({}, ['--extendedDiagnostics'])
  expect(output).not.toContain('error TS')
  expect(code).toBe(0)
})

test('a wrong column is explained in the words of the schema', async () => {
  const { output } = await compile({
    'wrong.ts': `
      import { defineView } from '../../src/views/define-view.ts'
      import { eq } from '../../src/views/build/comparisons.ts'
      import { arrayAgg } from '../../src/views/build/ordered-aggregates.ts'
      import { Restaurant } from '../../test/types/fixture.ts'
      export const view = defineView('wrong', (q) => q.from({ r: Restaurant })
        .where(({ r }) => eq(r.rating, 'five'))
        .select(({ r }) => ({ id: r.nmae })))
      export const unordered = defineView('unordered', (q) => q.from({ r: Restaurant })
        .select(({ r }) => ({ ids: arrayAgg(r.id) })))
    `,
  })
  expect(output).toMatch(
    /Type 'AggregateWithoutOrder<readonly string\[\] \| null>' is not assignable to type/,
  )
  expect(output).toContain(`Property 'nmae' does not exist on type 'Columns<"r", RestaurantRow, false>'.`)
  expect(output).toMatch(/Argument of type '(string|"five")' is not assignable to parameter of type 'number/)
})

test('a view of eight joins stays within a small number of instantiations', async () => {
  const chain = `
    import { defineView } from '../../src/views/define-view.ts'
    import { and, or } from '../../src/views/build/logic.ts'
    import { eq, gt } from '../../src/views/build/comparisons.ts'
    import { count } from '../../src/views/build/aggregates.ts'
    import { Restaurant, Sample, User, Visit } from '../../test/types/fixture.ts'
    export const view = defineView('big', (q) => q.from({ a: Visit })
      ${['b', 'c', 'd', 'e', 'f', 'g', 'h']
        .map((alias, index) => {
          const table = ['Restaurant', 'User', 'Sample'][index % 3]
          const id = table === 'Sample' ? 'int' : 'id'
          const other = table === 'Restaurant' ? 'a.restaurantId' : 'a.userId'
          return `.leftJoin({ ${alias}: ${table} }, ({ a, ${alias} }) => eq(${alias}.${id}, ${other}))`
        })
        .join('\n')}
      .where(({ a, b, c }) => and(gt(a.visitRating, 3), or(eq(b.name, 'x'), eq(c.active, true))))
      .groupBy(({ a, b, c }) => [a.restaurantId, a.userId, b.name, c.email])
      .select(({ a, b, c }) => ({ r: a.restaurantId, u: a.userId, name: b.name, email: c.email, n: count() })))
  `
  const added = (await instantiations({ 'big.ts': chain })) - (await instantiations({}))
  expect(added).toBeGreaterThan(0)
  expect(added).toBeLessThan(10_000)
})

/** A file with one view of each kind that an application has, under names of its own. */
const views = (name: string): string => `
  import { and, asc, avg, count, defineView, desc, eq, gt, inArray, isNull, max, nest, or, sum, union } from '../../src/index.ts'
  import { Restaurant, Sample, User, Visit } from '../../test/types/fixture.ts'
  export const rating = defineView('${name}_rating', (q) => q.from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .leftJoin({ u: User }, ({ v, u }) => eq(u.id, v.userId))
    .where(({ r, u }) => and(gt(r.rating, 2), or(isNull(u.id), eq(u.active, true)), inArray(r.id, ['a', 'b'])))
    .groupBy(({ r }) => [r.id, r.name])
    .having(({ v }) => gt(count(v.userId), 2))
    .select(({ r, v }) => ({ id: r.id, name: r.name, visits: count(v.userId), stars: avg(v.visitRating), spent: sum(v.amountSpent) }))
    .orderBy(({ r }, { stars }) => [desc(stars), asc(r.id)])
    .limit(10))
  export const guests = defineView('${name}_guests', (q) => q.from({ u: User })
    .innerJoin({ v: Visit }, ({ u, v }) => eq(v.userId, u.id))
    .innerJoin({ r: rating }, ({ v, r }) => eq(r.id, v.restaurantId))
    .innerJoin({ s: Sample }, ({ s, u }) => and(eq(s.int, u.id), gt(s.decimal, 5)))
    .whereNotExists({ x: Restaurant }, ({ x, v }) => and(eq(x.id, v.restaurantId), isNull(x.rating)))
    .select(({ u, v, r, s }) => ({ ...u, place: v.restaurantId, stars: r.stars, small: s.small, key: s['sel"ect ✓'] })))
  export const feed = defineView('${name}_feed', (q) => q.from({
      all: union(
        q.from({ u: User }).select(({ u }) => ({ id: u.id, name: u.userName })),
        q.from({ v: Visit }).innerJoin({ r: Restaurant }, ({ v, r }) => eq(v.restaurantId, r.id)).select(({ v, r }) => ({ id: v.userId, name: r.name })),
      ),
    })
    .fullJoin({ g: guests }, ({ all, g }) => eq(g.id, all.id))
    .select(({ all, g }) => ({ id: all.id, name: all.name, guest: g.id, place: g.place })))
  export const page = defineView('${name}_page', (q) => q.from({ r: Restaurant })
    .select(({ r }) => ({
      ...r,
      visits: nest({ v: Visit }, ({ v }) => eq(v.restaurantId, r.id)).orderBy(({ v }) => [desc(v.amountSpent), asc(v.userId)]).limit(5)
        .select(({ v }) => ({ ...v, guests: nest({ u: User }, ({ u }) => eq(u.id, v.userId)).select(({ u }) => ({ name: u.userName })) })),
    })))
`

test('a hundred views of an application cost a bounded number of instantiations', async () => {
  const files = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`views-${index}.ts`, views(`v${index}`)]))
  const [one, all] = [await instantiations(files(1)), await instantiations(files(25))]
  const each = (all - one) / (24 * 4)
  // 1 300 when this was written; a step that copies its scope with each call would cost many times that.
  expect(each).toBeGreaterThan(0)
  expect(each).toBeLessThan(3_000)
})

test('the declarations of views spell out their rows and name nothing that the package does not export', async () => {
  await mkdir('.tmp', { recursive: true })
  const out = await mkdtemp(resolve('.tmp/declarations-'))
  try {
    const flags = [
      '--noEmit',
      'false',
      '--declaration',
      '--emitDeclarationOnly',
      '--rootDir',
      resolve('.'),
      '--outDir',
      out,
    ]
    const { output } = await compile({ 'views.ts': views('declared') }, flags)
    expect(output).toBe('')
    const files = await readdir(out, { recursive: true })
    const name = files.find((file) => /types-\w+\/views\.d\.ts$/.test(file)) ?? ''
    const text = await readFile(join(out, name), 'utf8')
    const named = [...text.matchAll(/import\("([^"]+)"\)\.(\w+)/g)].map(([, from, item]) => `${from} ${item}`)
    const ours = named.filter((item) => item.includes('/src/'))
    expect([...new Set(ours)]).toEqual(['../../src/index.ts ViewDefinition'])
    expect(text).toContain('readonly stars: number | null;')
  } finally {
    await rm(out, { recursive: true, force: true })
  }
})

test('what a limit lacks is told by name', async () => {
  const { output } = await compile({
    'wrong.ts': `
      import { asc, defineView, union } from '../../src/index.ts'
      import { User, Visit } from '../../test/types/fixture.ts'
      export const top = defineView('top', (q) => q.from({ v: Visit }).select(({ v }) => ({ ...v }))
        .orderBy(({ v }) => [asc(v.userId)]).limit(3))
      export const both = defineView('both', (q) => union(
        q.from({ u: User }).select(({ u }) => ({ id: u.id })),
        q.from({ v: Visit }).select(({ v }) => ({ user: v.userId })),
      ))
    `,
  })
  expect(output).toContain('"a limit needs a total order: add v.restaurantId to orderBy"')
  expect(output).toContain('"the columns have other names than in the first query"')
})
