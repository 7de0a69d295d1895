import { PUBLICATION } from './backlog.ts'
import type { SideRun } from './child-message.ts'
import { Child } from './child.ts'
import type { BenchServer } from './server.ts'
import { takeSlot, type SlotHolder } from './slot-holder.ts'

/** Syncs that have been cut off from their slots and wait, stopped, for their turn. */
export class WaitingSyncs implements AsyncDisposable {
  readonly #server: BenchServer
  #waiting: { readonly child: Child; readonly holder: SlotHolder }[] = []
  readonly #children: Child[] = []

  constructor(server: BenchServer) {
    this.#server = server
  }

  /** Starts one on a new slot. With `profile` it writes what its CPU was used for into that file. */
  async add(slot: string, profile = ''): Promise<void> {
    const child = new Child('sync-side', [this.#server.url, slot, PUBLICATION, profile])
    this.#children.push(child)
    await child.reaches('live')
    const holder = await takeSlot(this.#server, slot)
    await child.reaches('waiting')
    child.suspend()
    this.#waiting.push({ child, holder })
  }

  /** Gives the next one its slot back and resolves when it has gone through the backlog and is verified. */
  async runNext(): Promise<SideRun> {
    const next = this.#waiting.shift()
    if (next === undefined) throw new Error('no sync is left to run')
    await next.holder.release()
    next.child.resume()
    const run = await next.child.run()
    await next.child.ended()
    return run
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { holder } of this.#waiting) holder.drop()
    for (const child of this.#children) await child[Symbol.asyncDispose]()
  }
}
