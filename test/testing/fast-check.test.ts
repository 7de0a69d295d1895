import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** Node's own answer where a package is not there. */
const HIDDEN = `export async function resolve(name, context, next) {
  if (name !== 'fast-check') return next(name, context)
  throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
}`
const CHILD = `import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HIDDEN)}))
const kit = await import('prisma-dbsync/testing')
const { Restaurant } = await import('./generated/dbsync/index.ts')
try { kit.rows(Restaurant) } catch (error) { console.log(JSON.stringify([typeof kit.verifyView, error.code, error.message])) }`

test('the kit is there without fast-check, and says what is lacking when random rows are asked for', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    'tsx',
    '--conditions=prisma-dbsync-source',
    '--input-type=module',
    '--eval',
    CHILD,
  ])
  expect(JSON.parse(stdout)).toEqual([
    'function',
    'TESTING.NO_FAST_CHECK',
    'Random rows and histories are made by fast-check, which was not found; need version 4. Install it: npm install --save-dev fast-check.',
  ])
})
