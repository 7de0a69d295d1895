import { RelationWriter } from '../../src/changes/relation-writer.ts'
import { modelOf } from '../../src/contract/lookup.ts'
import { compileViews } from '../../src/views/compile/compile.ts'
import type { ViewDefinition } from '../../src/views/define-view.ts'
import type { ViewNetwork } from '../../src/views/compile/view-network.ts'
import type { ViewState } from '../../src/ivm/view-state.ts'
import type { Messages } from './messages.ts'
import { schema } from './our-views.ts'
import { OID } from './workload.ts'

/**
 * The part of a sync behind its stream: compiled views, fed with the bytes of row changes.
 *
 * It is what runs between a transaction's commit and its views, without the socket, the frames and the waiting.
 */
export class OurStore {
  readonly network: ViewNetwork
  /** The only view. */
  readonly view: ViewState
  readonly #visits: RelationWriter
  readonly #restaurants: RelationWriter | null

  constructor(definition: ViewDefinition) {
    this.network = compileViews(schema, [definition.ir])
    const view = this.network.views.get(definition.name)
    const visits = this.#writer('Visit', OID.visit)
    if (view === undefined || visits === null) throw new Error('a view that does not read visits')
    this.view = view
    this.#visits = visits
    this.#restaurants = this.#writer('Restaurant', OID.restaurant)
  }

  /** Applies the changes of visits from one number up to another, without it; nothing is flushed. */
  writeVisits(messages: Messages, from: number, to: number): void {
    writeAll(this.#visits, messages, from, to)
  }

  /** The same for restaurants, which a view need not read. */
  writeRestaurants(messages: Messages, from: number, to: number): void {
    if (this.#restaurants !== null) writeAll(this.#restaurants, messages, from, to)
  }

  #writer(name: string, oid: number): RelationWriter | null {
    const table = this.network.tables.get(name)
    if (table === undefined) return null
    const model = modelOf(schema, name)
    const columns = model.columns.map(({ column, field }) => ({
      name: column,
      typeOid: 0,
      typeModifier: -1,
      isIdentity: model.key.includes(field),
    }))
    const relation = {
      oid,
      schema: 'public',
      name: model.table,
      replicaIdentity: 'default',
      columns,
    } as const
    return new RelationWriter(relation, model, table, () => {
      throw new Error('a change of a row that is not there')
    })
  }
}

function writeAll(writer: RelationWriter, messages: Messages, from: number, to: number): void {
  const { buffer } = messages
  for (let index = from; index < to; index += 1) {
    writer.write(messages.tag(index), buffer, messages.body(index), messages.end(index), false)
  }
}
