import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { lsn, type Lsn } from '../../../src/core/lsn.ts'
import { StateSaver, type StateMoment } from '../../../src/engine/state-saver.ts'
import type { SyncEvent } from '../../../src/engine/sync-event.ts'
import { makeIdentity } from '../../../src/state/state-identity.ts'
import { readState } from '../../../src/state/state-file.ts'
import { Sale, schema } from '../../conformance/fixture.ts'
import { Mirror } from '../../conformance/mirror.ts'
import { defineView } from '../../../src/views/define-view.ts'
import { stateFolder } from '../../support/state-folder.ts'

const sales = defineView('sales', (q) =>
  q.from({ s: Sale }).select(({ s }) => ({ line: s.line, id: s.id, note: s.note })),
)

/** A saver of a network with some rows, at a position and of a version that the test sets. */
function makeSaver(folder: string): {
  readonly saver: StateSaver
  readonly events: SyncEvent[]
  readonly at: { position: Lsn; version: number; isMoment: boolean }
} {
  const mirror = new Mirror(schema, [sales.ir])
  for (let id = 0; id < 5_000; id += 1) {
    mirror.change('Sale', null, { line: '1', id: String(id), note: `note ${id}` })
  }
  mirror.replica.flush()
  const events: SyncEvent[] = []
  const at = { position: lsn(100n), version: 1, isMoment: true }
  const saver = new StateSaver({
    folder,
    slot: 'kept',
    everyMs: 3_600_000,
    moment: (): StateMoment | null => {
      if (!at.isMoment) return null
      const identity = makeIdentity({ version: '', contract: '', views: [], slot: 'kept', publication: '' })
      const origin = { system: '1', timeline: 1, catalog: null, stores: [] }
      return { network: mirror.replica, position: at.position, version: at.version, identity, origin }
    },
    onSaved() {},
    onEvent: (event) => events.push(event),
  })
  return { saver, events, at }
}

const positionIn = async (path: string): Promise<string | undefined> =>
  (await readState(path))?.origin.position

test('from the moment of the copy on nothing later may be confirmed, whether it is written yet or not', async () => {
  await using folder = await stateFolder()
  const path = join(folder.path, 'kept.state')
  const { saver, at } = makeSaver(folder.path)
  expect(saver.limit).toBeNull()
  const saved = saver.save()
  while (saver.limit === null) await turn()
  expect([saver.limit, existsSync(path)]).toEqual([100n, false])
  await saved
  expect(await positionIn(path)).toBe('0/64')
  // The older of the two, until the new one is safe.
  at.position = lsn(200n)
  at.version = 2
  const again = saver.save()
  for (;;) {
    const { limit } = saver
    if ((await positionIn(path)) !== '0/64') break
    expect(limit).toBe(100n)
  }
  await again
  expect(saver.limit).toBe(200n)
})

test('what has not changed is not written again, and its later position is noted', async () => {
  await using folder = await stateFolder()
  const { saver, events, at } = makeSaver(folder.path)
  await saver.save()
  at.position = lsn(300n)
  await saver.save()
  expect([saver.limit, await positionIn(join(folder.path, 'kept.state'))]).toEqual([300n, '0/64'])
  expect(events.map(({ kind }) => kind)).toEqual(['checkpoint-saved'])
})

test('a state that another has written meanwhile is left alone, and told of', async () => {
  await using folder = await stateFolder()
  const path = join(folder.path, 'kept.state')
  const { saver, events, at } = makeSaver(folder.path)
  await saver.save()
  await writeFile(path, 'of another')
  at.version = 2
  await saver.save()
  expect(saver.limit).toBeNull()
  expect(events.at(-1)).toMatchObject({ kind: 'warning', code: 'STATE.UNUSABLE' })
  await expect(positionIn(path)).rejects.toMatchObject({ code: 'STATE.UNUSABLE' })
})

test('nothing is saved while the views are not exact, nor after the end', async () => {
  await using folder = await stateFolder()
  const { saver, events, at } = makeSaver(folder.path)
  at.isMoment = false
  await saver.save()
  at.isMoment = true
  await saver.close(false)
  await saver.save()
  expect([events, existsSync(join(folder.path, 'kept.state'))]).toEqual([[], false])
})
