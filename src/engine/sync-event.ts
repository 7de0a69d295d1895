import type { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import type { RefreshProgress } from './refresh.ts'
import type { TableProgress } from './replica.ts'

/**
 * Where a sync stands. `hydrating`: tables are being read; `live`: every view is exact; `reconnecting`: the stream is
 * lost and will be back; views stay readable as they were.
 */
export type SyncState =
  | 'created'
  | 'connecting'
  | 'hydrating'
  | 'live'
  | 'reconnecting'
  | 'closing'
  | 'closed'
  | 'failed'

/** How near the slot's WAL is to the limit at which the server gives up the slot. */
export type SlotHealth = 'ok' | 'warning' | 'critical'

/**
 * What a running sync tells `onEvent`. Never holds row values, passwords or connection strings, but for the `error` of `handler-retry`
 * and `listener-error`, which is what the application's own code threw.
 */
export type SyncEvent =
  | { readonly kind: 'state'; readonly state: SyncState }
  | {
      readonly kind: 'progress'
      readonly tables: readonly TableProgress[]
      /** Row changes of the stream that were interleaved so far. */
      readonly changes: number
    }
  | {
      readonly kind: 'reconnecting'
      readonly error: DbsyncError
      readonly attempt: number
      readonly waitMs: number
    }
  | { readonly kind: 'refresh'; readonly progress: RefreshProgress }
  | { readonly kind: 'waiting'; readonly reason: string }
  | {
      /** A chunk of a table could not be read and is tried again. */
      readonly kind: 'chunk-retry'
      readonly model: string
      readonly attempt: number
      readonly waitMs: number
      readonly error: DbsyncError
    }
  | {
      /**
       * What the server keeps for the slot has come near the limit of `max_slot_wal_keep_size`, or is far from it again:
       * `warning` under a half of the limit left, `critical` under a fifth.
       */
      readonly kind: 'slot-health'
      readonly status: SlotHealth
      readonly retainedBytes: number
      /** What may be written before the server gives up the slot; null where it has no limit. */
      readonly safeBytes: number | null
      /** Open transactions, which hold WAL back however fast the stream is read; pids and ages, or empty. */
      readonly openTransactions: string
    }
  | { readonly kind: 'warning'; readonly code: string; readonly message: string }
  | {
      /** A store shows the views from now on: all rows were compared with those that it had, and `rows` were looked at. */
      readonly kind: 'store-rebuilt'
      readonly store: string
      readonly position: Lsn
      readonly rows: number
    }
  | {
      /** A store did not take a batch and is tried again; `pending` rows wait, and nothing is lost. */
      readonly kind: 'store-retry'
      readonly store: string
      readonly error: DbsyncError
      readonly attempt: number
      readonly waitMs: number
      readonly pending: number
    }
  | {
      /** A view has stopped, or a store refused a row of it: its rows there stay as they are. The other views are written on. */
      readonly kind: 'view-not-written'
      readonly store: string
      readonly view: string
      readonly error: DbsyncError
    }
  | {
      /** The views are those of an earlier process at this position, from `bytes` in its checkpoint; the WAL since then follows. */
      readonly kind: 'checkpoint-loaded'
      readonly position: Lsn
      readonly bytes: number
    }
  | {
      /** A later process may begin at this position. Of the `ms` that it took, the stream waited for `pauseMs`. */
      readonly kind: 'checkpoint-saved'
      readonly position: Lsn
      readonly bytes: number
      readonly ms: number
      readonly pauseMs: number
    }
  | { readonly kind: 'view-failed'; readonly view: string; readonly error: DbsyncError }
  | {
      readonly kind: 'handler-retry'
      readonly model: string
      readonly op: string
      readonly attempt: number
      readonly error: unknown
    }
  | {
      /** With `onError: 'skip'`: a change (or a sink's batch, then without `seq`) that was left out. */
      readonly kind: 'handler-skipped'
      /** A model's name, or the prefix of a message. */
      readonly model: string
      readonly op: string
      readonly lsn: Lsn
      readonly seq: number | null
      readonly error: unknown
    }
  | { readonly kind: 'listener-error'; readonly view: string; readonly error: unknown }
  | { readonly kind: 'failed'; readonly error: DbsyncError }
