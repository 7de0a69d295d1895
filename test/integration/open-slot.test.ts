import { expect, inject, test } from 'vitest'
import { openSlot } from '../../src/engine/open-slot.ts'
import { checkOptions } from '../../src/engine/options.ts'
import { ZERO_LSN } from '../../src/core/lsn.ts'
import { ControlSession } from '../../src/postgres/control-session.ts'
import { ReplicationSession } from '../../src/replication/replication-session.ts'
import { schema } from '../../generated/dbsync/index.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { sleep } from '../support/faults.ts'
import { exampleViews } from '../support/views.ts'

/** Notes which statements the server answered with an error, and which it did not. */
class NotingControl extends ControlSession {
  readonly answered: string[] = []
  readonly refused: string[] = []

  override async query(...args: Parameters<ControlSession['query']>): ReturnType<ControlSession['query']> {
    try {
      const rows = await super.query(...args)
      this.answered.push(args[0])
      return rows
    } catch (error) {
      this.refused.push(args[0])
      throw error
    }
  }
}

/** Makes a slot while a transaction is open for some time. */
async function openBehindTransaction(db: TestDatabase, url: string): Promise<NotingControl> {
  const control = new NotingControl(url)
  const session = await ReplicationSession.connect(url)
  const writer = await db.connect()
  await writer.query("BEGIN; INSERT INTO restaurant (id, name) VALUES ('r1', 'a')")
  const opened = openSlot(
    {
      control,
      options: checkOptions({ schema, connection: url, views: exampleViews }),
      isExpected: false,
      doubt: null,
      isPromoted: false,
      confirmed: ZERO_LSN,
      streamedPid: null,
      signal: new AbortController().signal,
      onNewSlot: () => Promise.resolve(),
      onWait() {},
      onStandby() {},
      onWarning() {},
      onGap() {},
      onLost() {},
    },
    session,
  )
  // Prompts come every second.
  await sleep(1_500)
  await writer.query('COMMIT')
  expect((await opened).isNew).toBe(true)
  await session.close()
  await control.close()
  return control
}

const isPrompt = (sql: string): boolean => sql.startsWith('SELECT pg_log_standby_snapshot')

test('a slot that waits for a transaction is prompted where the server can be, and nothing is refused', async () => {
  await using db = await testDatabase()
  const { answered, refused } = await openBehindTransaction(db, db.url)
  expect(refused).toEqual([])
  expect(answered.some(isPrompt)).toBe(inject('serverMajor') >= 16)
})

test('a role that may not prompt a slot does not try to', async () => {
  await using db = await testDatabase()
  const role = `r_${db.name}`
  await db.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'secret'`)
  try {
    const url = new URL(db.url)
    url.username = role
    url.password = 'secret'
    const { answered, refused } = await openBehindTransaction(db, url.href)
    expect(refused).toEqual([])
    expect(answered.filter(isPrompt)).toEqual([])
  } finally {
    await db.query(`DROP ROLE ${role}`)
  }
})
