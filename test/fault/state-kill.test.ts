import { fork } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readState } from '../../src/state/state-file.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { stateFolder } from '../support/state-folder.ts'
import { exampleSync, expectExact } from '../support/views.ts'

/** The files of a folder, as far as they are there, with their sizes. */
function sizes(folder: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const name of readdirSync(folder)) {
    try {
      found.set(name, statSync(join(folder, name)).size)
    } catch {
      // Renamed meanwhile.
    }
  }
  return found
}

const temporary = (folder: string): number =>
  [...sizes(folder)].find(([name]) => name.includes('.state.'))?.[1] ?? -1
const whole = (folder: string): number =>
  [...sizes(folder)].find(([name]) => name.endsWith('.state'))?.[1] ?? Infinity

/** When the process is killed, told by what is in its folder. */
const MOMENTS: Readonly<Record<string, (folder: string, ino: () => number) => () => boolean>> = {
  'in the middle of a save': (folder) => () => {
    const size = temporary(folder)
    return size > 0 && size < whole(folder)
  },
  'when all is written': (folder) => () => temporary(folder) >= whole(folder) - 100,
  'when a save has just ended': (_, ino) => {
    const first = ino()
    return () => ino() !== first
  },
}
const ROUNDS = process.env['SOAK'] === '1' ? 15 : 1

async function write(db: TestDatabase, round: number): Promise<void> {
  await db.query(
    `UPDATE visit SET visit_rating = (user_id + ${round}) % 5 + 1, amount_spent = ${round} WHERE user_id % 7 = ${round % 7}`,
  )
}

test('a process that is killed at any moment of a save leaves a state that the next begins with', async () => {
  await using db = await testDatabase()
  await using folder = await stateFolder()
  const slot = `kill_${db.name}`
  const path = join(folder.path, `${slot}.state`)
  await db.query(`
    INSERT INTO users (id, first_name, user_name, email)
      SELECT i, 'First ' || i, 'user' || i, 'user' || i || '@example.com' FROM generate_series(1, 2000) i;
    INSERT INTO restaurant (id, name) SELECT 'r' || i, 'Restaurant ' || i FROM generate_series(0, 99) i;
    INSERT INTO visit SELECT i % 2000 + 1, 'r' || (i / 2000) % 100, i % 99 / 10.0, nullif(i % 6, 0)
      FROM generate_series(0, 19999) i`)
  const kept = exampleSync(db.url, { slot: { name: slot }, stateDir: folder.path })
  await kept.sync.start()
  await kept.sync.close()
  let turns = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, moment] of Object.entries(MOMENTS)) {
      const child = fork(
        resolve(import.meta.dirname, '../support/saving-child.ts'),
        [db.url, slot, folder.path],
        {
          execArgv: ['--import', 'tsx', '--conditions=prisma-dbsync-source'],
        },
      )
      const said: string[] = []
      child.on('message', (message: string) => said.push(message))
      const exited = new Promise<void>((done) => child.once('exit', () => done()))
      try {
        await until(() => said.includes('live'), 60_000)
        const isDue = moment(folder.path, () => statSync(path).ino)
        let isOver = false
        const writing = (async () => {
          while (!isOver) await write(db, (turns += 1))
        })()
        const deadline = Date.now() + 60_000
        // Without a pause: a save takes some milliseconds.
        while (!isDue() && Date.now() < deadline) await turn()
        child.kill('SIGKILL')
        await exited
        isOver = true
        await writing
        expect([name, Date.now() < deadline]).toEqual([name, true])
      } finally {
        child.kill('SIGKILL')
      }
      expect(said.filter((message) => !['live', 'checkpoint-saved'].includes(message))).toEqual([
        'checkpoint-loaded',
      ])
      expect(await readState(path)).not.toBeNull()
      const { sync, events } = exampleSync(db.url, {
        slot: { name: slot, waitMs: 30_000 },
        stateDir: folder.path,
      })
      await sync.start()
      await expectExact(db, sync)
      await write(db, (turns += 1))
      await expectExact(db, sync)
      await sync.close()
      const kinds = events.map((event) => event.kind)
      expect([name, kinds.filter((kind) => kind === 'checkpoint-loaded').length]).toEqual([name, 1])
      expect(events.filter((event) => event.kind === 'warning' && event.code === 'STATE.UNUSABLE')).toEqual(
        [],
      )
      // What the killed process had begun is cleared away.
      expect(readdirSync(folder.path).filter((file) => file.endsWith('.tmp'))).toEqual([])
    }
  }
}, 600_000)
