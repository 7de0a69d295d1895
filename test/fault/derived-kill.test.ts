import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle } from '../support/bundle.ts'
import { testDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { splitCommits, withoutFence } from '../support/flawed-stores.ts'
import { isBegin, isCommit, KILL_POINTS, type KillPoint } from '../support/kill-points.ts'
import { killRun } from '../support/kill-run.ts'
import { Ledger } from '../support/ledger.ts'
import { tap, type TapLink } from '../support/tap.ts'
import { exampleSync, exampleViews } from '../support/views.ts'
import { randomSource, seedVisits } from '../support/workload.ts'

const IS_LONG = process.env['SOAK'] === '1'
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const TIMEOUT_MS = IS_LONG ? 3_600_000 : 180_000

let child = { folder: '', file: '' }
beforeAll(async () => {
  console.log(`SEED=${SEED}`)
  child = await bundle('test/support/derived-child.ts')
})
afterAll(() => rm(child.folder, { recursive: true, force: true }))

function point(name: string): KillPoint {
  const found = KILL_POINTS.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no point "${name}"`)
  return found
}

const repeated = <Item>(items: readonly Item[], times: number): readonly Item[] =>
  Array.from({ length: times }, () => items).flat()

test(
  'F60 killed at each step between receive, apply, commit and confirm: the tables are the SQL at the position they name, always',
  async () => {
    await using db = await testDatabase()
    const points = repeated(KILL_POINTS, IS_LONG ? 20 : 1)
    const { found, seen } = await killRun({ db, file: child.file, points, random: randomSource(SEED) })
    expect(found).toEqual([])
    // There was something to see.
    expect(seen).toBeGreaterThan(points.length)
  },
  TIMEOUT_MS,
)

test.runIf(IS_LONG)(
  'F60 300 kills at any moment: the tables are the SQL at the position they name, always',
  async () => {
    await using db = await testDatabase()
    const points = Array.from({ length: 300 }, () => null)
    const { found } = await killRun({ db, file: child.file, points, random: randomSource(SEED) })
    expect(found).toEqual([])
  },
  TIMEOUT_MS,
)

test('F60 a slot that was confirmed too far costs nothing: at a start all rows are compared', async () => {
  await using db = await testDatabase()
  const { found } = await killRun({
    db,
    file: child.file,
    points: [point('before COMMIT')],
    random: randomSource(SEED),
    whileDown: async () => {
      const slot = `kill_${db.name}`
      // The server notices that the process is gone.
      await until(async () => {
        const [row] = await db.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot])
        return row?.['active'] === false
      })
      await db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot])
    },
  })
  expect(found).toEqual([])
}, 60_000)

test('these kills find a checkpoint that is written outside the transaction of its rows', async () => {
  await using db = await testDatabase()
  const { found } = await killRun({
    db,
    file: child.file,
    points: [point('before the checkpoint')],
    random: randomSource(SEED),
    tamper: splitCommits,
  })
  expect(found).not.toEqual([])
}, 60_000)

test('these kills find a store that goes on from its checkpoint without comparing rows', async () => {
  await using db = await testDatabase()
  const { found } = await killRun({
    db,
    file: child.file,
    points: [point('before BEGIN')],
    random: randomSource(SEED),
    flaw: 'trusting',
  })
  expect(found).not.toEqual([])
}, 60_000)

/** A sync writes a batch after another one has taken its tables over: what differs from the SQL then. */
async function zombie(rewrite: (sql: string) => string): Promise<readonly string[]> {
  await using db = await testDatabase()
  await seedVisits(db, 300)
  await using source = await tap(db.url)
  await using target = await tap(db.url)
  target.rewrite = rewrite
  const ledger = await Ledger.open(db, Object.values(exampleViews), SEED)
  const options = { tables: exampleViews, slot: { name: `zombie_${db.name}` } }
  const { sync: first } = exampleSync(source.url, { ...options, target: target.url })
  await first.start()
  const held: TapLink[] = []
  let isWritten = false
  target.onMessage = ({ from, type, sql }, link) => {
    if (from === 'server') isWritten ||= type === 'C' && isCommit(sql)
    if (from === 'server' || type !== 'Q' || !isBegin(sql) || held.length > 0) return 'pass'
    held.push(link)
    return 'hold'
  }
  await db.query("UPDATE visit SET amount_spent = 1 WHERE restaurant_id = 'r1'")
  await until(() => held.length > 0)
  source.isOpen = false
  source.cut()
  const { sync: second } = exampleSync(db.url, { ...options, target: db.url })
  await second.start()
  await db.query("UPDATE visit SET amount_spent = 2 WHERE restaurant_id = 'r1'")
  await second.catchUp()
  expect(await ledger.differences()).toEqual([])
  held[0]?.release()
  await until(() => isWritten || held[0]?.isEnded === true)
  const found = await ledger.differences()
  await Promise.all([first.close(), second.close()])
  return found
}

test('F60 a process that wakes up after another one has taken over writes nothing', async () => {
  expect(await zombie((sql) => sql)).toEqual([])
})

test('a store that moves its checkpoint without comparing it would overwrite what another one has written', async () => {
  expect(await zombie(withoutFence)).not.toEqual([])
})
