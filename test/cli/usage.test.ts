import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { readConnection } from '../../src/cli/read-connection.ts'
import { readContract } from '../../src/cli/read-contract.ts'
import { align, formatBytes, formatSeconds, wrap } from '../../src/cli/layout.ts'
import { toJson } from '../../src/cli/to-json.ts'
import { runHere } from '../support/cli.ts'
import { workspace } from '../support/workspace.ts'

const COMMANDS = ['doctor', 'setup', 'teardown', 'tail', 'status', 'refresh']

test('without a command it says what it is, also as a generator, and each command says what it does', async () => {
  const help = await runHere([])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  for (const part of [...COMMANDS, 'explain', 'DATABASE_URL', 'provider = "prisma-dbsync"'])
    expect(help.stdout).toContain(part)
  for (const command of COMMANDS) {
    const { code, stdout } = await runHere([command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^Usage: prisma-dbsync ${command} [^]*--url <url>[^]*--json`))
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([])
  }
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
  expect((await runHere(['--version'])).stdout).toBe(version)
})

test('the bin is the generator for Prisma and the command line for everybody else', () => {
  const flags = ['--import', 'tsx', '--conditions=prisma-dbsync-source', 'bin/prisma-dbsync.js']
  const { PRISMA_GENERATOR_INVOCATION: _, ...env } = process.env
  const input = '{"jsonrpc":"2.0","id":1,"method":"getManifest","params":{}}\n'
  const generator = spawnSync(process.execPath, flags, {
    encoding: 'utf8',
    input,
    env: { ...env, PRISMA_GENERATOR_INVOCATION: 'true' },
  })
  expect(generator.stderr).toContain('"prettyName":"DBSync"')
  const cli = spawnSync(process.execPath, flags, { encoding: 'utf8', input, env })
  expect(cli).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^Usage: prisma-dbsync/) })
})

test('what is misspelt is refused with a code and a hint', async () => {
  for (const [args, message] of [
    [['docter'], /unknown command 'docter'[^]*--help/],
    [['doctor', '--jsn'], /unknown option '--jsn'[^]*--help/],
    [['tail', '--limit', '0'], /--limit is not a whole number/],
    [['doctor', '--url'], /argument missing/],
  ] as const) {
    const refused = await runHere(args)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^CONFIG\.INVALID_OPTIONS: /)
    expect(refused.stderr).toMatch(message)
  }
})

test('every command says that no database is named, that the URL is none, that no server answers; never the password', async () => {
  for (const command of COMMANDS) {
    const url = 'postgresql://u:canary@127.0.0.1:1/x'
    for (const [args, env, code] of [
      [[], {}, 'CONFIG.INVALID_OPTIONS: No database is named'],
      [['--url', 'postgresql://u:canary%ZZ@h/x'], {}, 'CONFIG.INVALID_OPTIONS: --url is not'],
      [[], { DATABASE_URL: 'u:canary@h' }, 'CONFIG.INVALID_OPTIONS: DATABASE_URL is not'],
      [['--url', url], {}, 'POSTGRES.CONNECTION_REFUSED: No PostgreSQL server answers at 127.0.0.1:1'],
    ] as const) {
      const refused = await runHere([command, ...args], env)
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr.startsWith(code)).toBe(true)
      expect(refused.stderr).not.toMatch(/canary|\n\s+at /)
    }
  }
})

test('no command speaks to another host without verified TLS unless told to', async () => {
  const url = 'postgresql://u:canary@db.invalid/x'
  for (const command of COMMANDS) {
    const refused = await runHere([command, '--url', url])
    expect(refused.stderr).toMatch(/^CONFIG\.INSECURE_CONNECTION: /)
    const told = await runHere([command, '--url', url, '--allow-insecure'])
    expect(told.stderr).toMatch(/^POSTGRES\.CONNECTION_REFUSED: /)
    expect(refused.stderr + told.stderr).not.toContain('canary')
  }
})

test('the connection is the URL, else DATABASE_URL, else the POSTGRES_ variables', () => {
  const env = { DATABASE_URL: 'postgres://b/b', POSTGRES_HOST: 'c' }
  expect(readConnection('postgresql://a/a', env)).toBe('postgresql://a/a')
  expect(readConnection(undefined, env)).toBe('postgres://b/b')
  const parts = { POSTGRES_HOST: 'c', POSTGRES_PORT: '6543', POSTGRES_USER: 'u', POSTGRES_PASSWORD: 'p@ss' }
  const expected = { host: 'c', port: 6543, user: 'u', password: 'p@ss' }
  expect(readConnection(undefined, { ...parts, POSTGRES_NAME: 'n', POSTGRES_DB: 'd' })).toEqual({
    ...expected,
    database: 'n',
  })
  expect(readConnection(undefined, { ...parts, DATABASE_URL: '', POSTGRES_DB: 'd' })).toEqual({
    ...expected,
    database: 'd',
  })
  expect(readConnection(undefined, { POSTGRES_DB: 'd' })).toEqual({
    host: 'localhost',
    port: 5432,
    database: 'd',
  })
  for (const port of ['x', '0', '65536', '5432x']) {
    expect(() => readConnection(undefined, { ...parts, POSTGRES_PORT: port })).toThrow(
      'POSTGRES_PORT is not a port',
    )
  }
})

test('the contract is the named file or one of the usual places, and one that was edited is refused', async () => {
  await using space = await workspace()
  await expect(readContract(undefined, space.path)).rejects.toMatchObject({
    code: 'CONFIG.INVALID_OPTIONS',
    message: expect.stringMatching(/generated\/dbsync\/contract\.json.*Run prisma generate.*--contract FILE/),
  })
  await expect(readContract('nowhere.json', space.path)).rejects.toMatchObject({
    code: 'CONFIG.INVALID_OPTIONS',
  })
  await expect(readContract('.', space.path)).rejects.toMatchObject({ code: 'CONFIG.INVALID_OPTIONS' })
  const text = await readFile('generated/dbsync/contract.json', 'utf8')
  await space.write('src/generated/dbsync/contract.json', text)
  const contract = await readContract(undefined, space.path)
  expect(contract.models.map(({ model }) => model)).toEqual(['Restaurant', 'User', 'Visit'])
  expect(await readContract('src/generated/dbsync/contract.json', space.path)).toEqual(contract)
  await space.write('edited.json', text.replace('"visit"', '"visits"'))
  await expect(readContract('edited.json', space.path)).rejects.toMatchObject({ code: 'CONTRACT.INVALID' })
  await space.write('broken.json', text.slice(1))
  await expect(readContract('broken.json', space.path)).rejects.toMatchObject({ code: 'CONTRACT.INVALID' })
})

test('JSON keeps what it has no form for as text', () => {
  const value = {
    big: 2n ** 63n,
    bytes: Buffer.from([0, 255]),
    plain: Uint8Array.of(1),
    no: Number.NaN,
    far: -Infinity,
  }
  expect(JSON.parse(toJson({ ...value, at: new Date(0), list: [1n], none: undefined }))).toEqual({
    big: '9223372036854775808',
    bytes: 'AP8=',
    plain: 'AQ==',
    no: 'NaN',
    far: '-Infinity',
    at: '1970-01-01T00:00:00.000Z',
    list: ['1'],
  })
})

test('texts are wrapped between words, cells are aligned, sizes and times are short', () => {
  const text = wrap(`${'word '.repeat(50)}${'x'.repeat(120)}`, '  ')
  expect(text.split('\n').filter((line) => line.length > 100)).toEqual([`  ${'x'.repeat(120)}`])
  expect(text.replaceAll(/\s+/g, ' ').trim()).toBe(`${'word '.repeat(50)}${'x'.repeat(120)}`)
  expect(
    align([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toEqual(['a    bb', 'ccc  d'])
  expect([null, 0, 1023, 1024, 1.5 * 1024 ** 2, 200 * 1024 ** 3].map(formatBytes)).toEqual([
    '-',
    '0 B',
    '1023 B',
    '1.0 kB',
    '1.5 MB',
    '200 GB',
  ])
  expect([null, 0.25, 59.6, 600, 5400, 7200, 400_000].map(formatSeconds)).toEqual([
    '-',
    '0.3 s',
    '60 s',
    '10 min',
    '90 min',
    '2.0 h',
    '5 days',
  ])
})
