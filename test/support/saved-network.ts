import type { Schema } from '../../src/contract/schema-contract.ts'
import { StateCapture } from '../../src/state/state-capture.ts'
import { readState, writeState } from '../../src/state/state-file.ts'
import { makeIdentity } from '../../src/state/state-identity.ts'
import type { StateItem } from '../../src/state/state-items.ts'
import type { ViewIr } from '../../src/views/view-ir.ts'
import { ViewNetwork } from '../../src/views/compile/view-network.ts'
import { Interner } from '../../src/zset/interner.ts'

/** What is saved of a network that has been flushed. */
export function captureNetwork(network: ViewNetwork): {
  readonly items: readonly StateItem[]
  readonly bytes: Uint8Array
} {
  const capture = new StateCapture()
  network.carryTexts(capture)
  network.carry(capture)
  const bytes = new Uint8Array(capture.byteLength)
  capture.copyInto(bytes)
  return { items: capture.items, bytes }
}

/** Writes a network to a file. */
export async function saveNetwork(network: ViewNetwork, path: string): Promise<void> {
  const identity = makeIdentity({
    version: '',
    contract: '',
    views: [],
    slot: 'test',
    publication: 'test',
  })
  const origin = { id: 'test', system: '', timeline: 1, position: '0/1', catalog: null, stores: [] }
  await writeState(path, { identity, origin, ...captureNetwork(network) })
}

/** A network of the views with what the file holds. */
export async function loadNetwork(
  path: string,
  schema: Schema,
  views: readonly ViewIr[],
  stored: readonly ViewIr[] = [],
): Promise<ViewNetwork> {
  const saved = await readState(path)
  if (saved === null) throw new Error('no state was saved')
  const interner = new Interner()
  interner.carry(saved.source)
  const network = new ViewNetwork(schema, views, stored, interner)
  network.carry(saved.source)
  return network
}
