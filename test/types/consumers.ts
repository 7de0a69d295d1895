import { createSync, message, sink, type MessageEvent, type SyncTransaction } from 'prisma-dbsync'
import { z } from 'zod'
import {
  Restaurant,
  schema,
  Visit,
  type Change,
  type RestaurantAfter,
  type RestaurantChange,
  type RestaurantKey,
  type RestaurantRead,
  type VisitChange,
  type VisitKey,
  type VisitRow,
} from '../../generated/dbsync/index.ts'
import type { Equal, Expect } from './equal.ts'

/** What consumers are given, and what they are refused. Nothing here runs. */

declare const connection: string

export const sync = createSync({
  schema,
  connection,
  changes: [Visit, 'Restaurant'],
  onError: 'skip',
  handlerAttempts: Infinity,
  handlers: {
    Restaurant: {
      read(change) {
        type Given = Expect<Equal<typeof change, RestaurantRead>>
        const given: Given = true
        return void given
      },
    },
  },
  messages: {
    placed: message(z.object({ at: z.coerce.date() }), (event) => {
      type Given = Expect<Equal<typeof event, MessageEvent<{ at: Date }>>>
      const given: Given = true
      return void given
    }),
    length: message(
      async (text, bytes) => text.length + bytes.length,
      ({ content }) => {
        type Given = Expect<Equal<typeof content, number>>
        const given: Given = true
        return void given
      },
    ),
  },
  sinks: [
    sink({
      models: [Visit, Restaurant],
      upsert(model, rows) {
        // The model tells the rows; a large value may be absent.
        if (model === 'Visit') {
          type Given = Expect<Equal<typeof rows, readonly VisitRow[]>>
          const given: Given = true
          return void given
        }
        type GivenElse = Expect<Equal<typeof rows, readonly RestaurantAfter[]>>
        const given: GivenElse = true
        return void given
      },
      delete(model, keys) {
        if (model === 'Visit') keys satisfies readonly VisitKey[]
        else keys satisfies readonly RestaurantKey[]
      },
      truncate(model) {
        type Given = Expect<Equal<typeof model, 'Visit' | 'Restaurant'>>
        const given: Given = true
        return void given
      },
    }),
    sink({
      upsert: (model: string, rows) => void [model, rows[0]?.['id']],
      delete() {},
    }),
  ],
})

type Transaction<T> = T extends AsyncIterable<infer Item> ? Item : never

export const all = sync.changes()
export type All = Expect<Equal<Transaction<typeof all>, SyncTransaction<Change>>>

export const some = sync.changes({ models: [Visit, 'Restaurant'] })
export type Some = Expect<Equal<Transaction<typeof some>, SyncTransaction<VisitChange | RestaurantChange>>>

// @ts-expect-error the schema has no such model
sync.changes({ models: ['Nobody'] })

createSync({
  schema,
  connection,
  // @ts-expect-error a handler is no consumer of messages
  messages: { placed: () => {} },
})

createSync({
  schema,
  connection,
  changes: true,
  // @ts-expect-error not a policy
  onError: 'ignore',
})

sink({
  models: [Visit],
  upsert() {},
  // @ts-expect-error a sink must know how to delete
  delete: null,
})

sink({
  models: [Visit],
  upsert: (_model, [row]) => {
    // @ts-expect-error a visit has no name
    void row?.name
  },
  delete() {},
})
