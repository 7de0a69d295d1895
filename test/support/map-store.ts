import { DbsyncError, type Lsn } from 'prisma-dbsync'
import type { StoreBatch, StoredValues, StoredView, ViewStore } from '../../src/stores/view-store.ts'

type Rows = Map<string, StoredValues>

/** A store in memory that outlives its writers, as a server would: batches are visible whole, and a former owner is fenced. */
export class MapServer {
  readonly rows = new Map<string, Rows>()
  position: Lsn | null = null
  epoch = 0
  commits = 0
  readonly failed = new Map<string, string>()
}

/** Where a step of a store is about to be done, or has been done and its answer is on the way. */
export type StoreStep = 'open' | 'begin' | 'delete' | 'upsert' | 'commit' | 'answer'

/** One writer's connection to a {@link MapServer}; `onStep` may wait or throw. */
export class MapStore implements ViewStore {
  readonly name = 'a map'
  readonly #server: MapServer
  readonly #onStep: (step: StoreStep) => void | Promise<void>
  #epoch = 0
  #batch: { readonly kind: StoreBatch['kind']; readonly rows: Map<string, Rows> } | null = null

  constructor(server: MapServer, onStep: (step: StoreStep) => void | Promise<void> = () => {}) {
    this.#server = server
    this.#onStep = onStep
  }

  async open(
    _views: readonly StoredView[],
    { takeOver }: { readonly takeOver: boolean },
  ): Promise<Lsn | null> {
    await this.#onStep('open')
    if (takeOver) this.#epoch = this.#server.epoch += 1
    this.#requireOwn()
    return this.#server.position
  }

  async begin({ kind, views }: StoreBatch): Promise<void> {
    await this.#onStep('begin')
    this.#requireOwn()
    const rows = views.map(({ name }) => {
      const known = kind === 'whole' ? undefined : this.#server.rows.get(name)
      return [name, new Map(known)] as const
    })
    this.#batch = { kind, rows: new Map(rows) }
  }

  async delete(view: StoredView, keys: readonly StoredValues[]): Promise<void> {
    await this.#onStep('delete')
    const rows = this.#rowsOf(view)
    for (const key of keys) rows.delete(JSON.stringify(key))
  }

  async upsert(view: StoredView, rows: readonly StoredValues[]): Promise<void> {
    await this.#onStep('upsert')
    const names = view.columns.map(({ name }) => name)
    const known = this.#rowsOf(view)
    for (const row of rows) {
      known.set(JSON.stringify(view.key.map((name) => row[names.indexOf(name)])), row)
    }
  }

  async commit(position: Lsn): Promise<void> {
    await this.#onStep('commit')
    this.#requireOwn()
    for (const [name, rows] of this.#batch?.rows ?? []) this.#server.rows.set(name, rows)
    this.#server.position = position
    this.#server.commits += 1
    this.#batch = null
    await this.#onStep('answer')
  }

  fail(view: StoredView, code: string): Promise<void> {
    this.#server.failed.set(view.name, code)
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#batch = null
    return Promise.resolve()
  }

  #rowsOf({ name }: StoredView): Rows {
    const rows = this.#batch?.rows.get(name)
    if (rows === undefined) throw new DbsyncError('INTERNAL.INVARIANT', 'a batch that was not begun')
    return rows
  }

  #requireOwn(): void {
    if (this.#epoch !== this.#server.epoch)
      throw new DbsyncError('STORE.FENCED', 'Another writer has taken over.')
  }
}
