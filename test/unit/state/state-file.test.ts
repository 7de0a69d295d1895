import { copyFile, open, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { lsn } from '../../../src/core/lsn.ts'
import { readPosition, writePosition } from '../../../src/state/position-file.ts'
import { readState } from '../../../src/state/state-file.ts'
import { exampleViews } from '../../support/example-views.ts'
import { Mirror } from '../../conformance/mirror.ts'
import { loadNetwork, saveNetwork } from '../../support/saved-network.ts'
import { stateFolder } from '../../support/state-folder.ts'
import { schema } from '../../../generated/dbsync/index.ts'

const VIEWS = Object.values(exampleViews).map(({ ir }) => ir)

/** Rows enough for each kind of section to have some bytes. */
function filled(rows = 40): Mirror {
  const mirror = new Mirror(schema, VIEWS)
  for (let id = 1; id <= rows; id += 1) {
    mirror.change('User', null, { id: String(id) })
    mirror.change('Restaurant', null, { id: `r${id}`, name: `Restaurant ${id}` })
    mirror.change('Visit', null, {
      userId: String(id),
      restaurantId: `r${id % 7}`,
      amountSpent: `${id}.25`,
      visitRating: id % 3 === 0 ? null : String(id % 5),
    })
  }
  mirror.replica.flush()
  return mirror
}

async function codeOf(path: string): Promise<string> {
  try {
    return (await readState(path)) === null ? 'none' : 'read'
  } catch (error) {
    return isDbsyncError(error) ? error.code : String(error)
  }
}

test('a state with any byte turned over is refused', async () => {
  await using folder = await stateFolder()
  const path = join(folder.path, 'state')
  await saveNetwork(filled().replica, path)
  expect(await codeOf(path)).toBe('read')
  const bytes = await readFile(path)
  // Every byte of both ends and of the description, which begins at the place that the trailer names; of the rest every seventh.
  const start = Number(bytes.readBigUInt64LE(bytes.length - 24))
  const file = await open(path, 'r+')
  const passed: number[] = []
  for (let at = 0; at < bytes.length; at += at < 64 || at >= start ? 1 : 7) {
    const byte = bytes[at] ?? 0
    await file.write(Buffer.from([byte ^ (1 << (at % 8))]), 0, 1, at)
    if ((await codeOf(path)) !== 'STATE.UNUSABLE') passed.push(at)
    await file.write(Buffer.from([byte]), 0, 1, at)
  }
  await file.close()
  expect(passed).toEqual([])
  expect(await codeOf(path)).toBe('read')
}, 60_000)

test('a state that is cut off or grown is refused', async () => {
  await using folder = await stateFolder()
  const path = join(folder.path, 'state')
  const copy = join(folder.path, 'copy')
  await saveNetwork(filled().replica, path)
  const { length } = await readFile(path)
  for (let size = 0; size < length; size += size < 64 || size > length - 64 ? 1 : 211) {
    await copyFile(path, copy)
    await truncate(copy, size)
    expect([size, await codeOf(copy)]).toEqual([size, 'STATE.UNUSABLE'])
  }
  await writeFile(copy, Buffer.concat([await readFile(path), Buffer.alloc(8)]))
  expect(await codeOf(copy)).toBe('STATE.UNUSABLE')
  expect(await codeOf(join(folder.path, 'nothing'))).toBe('none')
}, 60_000)

test('a state of many pieces comes back whole', async () => {
  await using folder = await stateFolder()
  const path = join(folder.path, 'state')
  const mirror = filled(20)
  const table = mirror.replica.tables.get('Visit')
  // 12 MB of rows: more than is summed at once.
  for (let id = 100; id < 260_000; id += 1) {
    const slot = table?.allocate() ?? 0
    table?.columns.forEach((column) => {
      const text = Buffer.from(
        column.contract.field === 'restaurantId' ? `r${id % 50}` : String(id % 6 || id),
      )
      const value = column.contract.field === 'userId' ? Buffer.from(String(id)) : text
      column.read(slot, value, 0, value.length)
    })
    table?.insert(slot)
  }
  mirror.replica.flush()
  await saveNetwork(mirror.replica, path)
  const loaded = await loadNetwork(path, schema, VIEWS)
  expect(loaded.tables.get('Visit')?.size).toBe(table?.size)
  for (const [name, view] of mirror.replica.views) {
    expect([name, loaded.views.get(name)?.size]).toEqual([name, view.size])
    expect([...(loaded.views.get(name)?.rows() ?? [])]).toEqual([...view.rows()])
  }
}, 60_000)

test('a state is refused by a network of other views', async () => {
  await using folder = await stateFolder()
  const path = join(folder.path, 'state')
  await saveNetwork(filled().replica, path)
  await expect(loadNetwork(path, schema, VIEWS.slice(0, 2))).rejects.toMatchObject({ code: 'STATE.UNUSABLE' })
})

test('a noted position counts for its state alone, and not if a byte of it is another', async () => {
  await using folder = await stateFolder()
  const path = join(folder.path, 'position')
  expect(await readPosition(path, 'a')).toBeNull()
  await writePosition(path, 'a', lsn(0x1_2345_6789n))
  expect(await readPosition(path, 'a')).toBe(0x1_2345_6789n)
  expect(await readPosition(path, 'b')).toBeNull()
  const text = await readFile(path, 'utf8')
  for (let at = 0; at < text.length; at += 1) {
    const bytes = Buffer.from(text)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(path, bytes)
    expect([at, await readPosition(path, 'a')]).toEqual([at, null])
  }
})
