import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { explain } from 'prisma-dbsync'
import { grandTotal, restaurantRating, userSpend } from '../../examples/views.ts'
import type { CliRun } from '../support/cli.ts'
import { workspace } from '../support/workspace.ts'

const FLAGS = ['--import', 'tsx', '--conditions=prisma-dbsync-source', 'bin/prisma-dbsync.js', 'explain']

/** Runs the bin as a process of its own: what it loads must not be this one's. */
async function run(...args: readonly string[]): Promise<CliRun> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [...FLAGS, ...args])) }
  } catch (error) {
    const { code, stdout, stderr } = error as CliRun
    return { code, stdout, stderr }
  }
}

test('explain shows the views that a TypeScript module exports, all or the named ones, as text or JSON', async () => {
  const [all, one, json] = await Promise.all([
    run('examples/views.ts'),
    run('examples/views.ts', 'grandTotal'),
    run('examples/views.ts', 'restaurant_rating', 'userSpend', '--json'),
  ])
  // A module's exports come by name.
  expect(all).toEqual({
    code: 0,
    stdout: `${explain(grandTotal, restaurantRating, userSpend).toString()}\n`,
    stderr: '',
  })
  expect(one).toEqual({ code: 0, stdout: `${explain(grandTotal).toString()}\n`, stderr: '' })
  expect(JSON.parse(json.stdout)).toEqual(JSON.parse(JSON.stringify(explain(restaurantRating, userSpend))))
})

test('explain finds views in exported objects and lists', async () => {
  await using space = await workspace()
  await space.write(
    'all.ts',
    `import { grandTotal, restaurantRating } from '../../examples/views.ts'
export const views = { mine: grandTotal }
export const list = [restaurantRating, grandTotal]
export const other = 7`,
  )
  const { stdout } = await run(`${space.path}/all.ts`, 'mine', 'restaurant_rating', '--json')
  expect(JSON.parse(stdout)).toMatchObject({ views: ['grand_total', 'restaurant_rating'] })
})

test('explain says with a code what is wrong with the module or a name', async () => {
  await using space = await workspace()
  await space.write('none.js', 'export const views = {}')
  await space.write('broken.js', 'throw new Error("the module says so")')
  await space.write(
    'bad.ts',
    `import { defineView } from 'prisma-dbsync'
import { Visit } from '../../generated/dbsync/index.ts'
export const bad = defineView('bad', (q) => q.from({ v: Visit }).select(({ v }) => ({ nothing: v['nothing'] as never })))`,
  )
  const cases = [
    [['nowhere.js'], /^CONFIG\.INVALID_OPTIONS: nowhere\.js cannot be loaded: Cannot find module/],
    [[`${space.path}/none.js`], /^CONFIG\.INVALID_OPTIONS: .*none\.js exports no view\./],
    [[`${space.path}/broken.js`], /^CONFIG\.INVALID_OPTIONS: .* cannot be loaded: the module says so/],
    [[`${space.path}/bad.ts`], /^VIEW\.INVALID_DEFINITION: /],
    [
      ['examples/views.ts', 'nothing'],
      /^CONFIG\.INVALID_OPTIONS: examples\/views\.ts exports no view nothing\. It exports grandTotal \(grand_total\), /,
    ],
    [[], /^CONFIG\.INVALID_OPTIONS: missing required argument 'module'/],
  ] as const
  const refusals = await Promise.all(cases.map(([args]) => run(...args)))
  for (const [index, [, message]] of cases.entries()) {
    expect(refusals[index]).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) })
  }
})
