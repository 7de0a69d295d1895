import { DbsyncError } from '../core/errors.ts'
import type { Lsn } from '../core/lsn.ts'
import { runBatch, seeBatches } from './commit-scope.ts'

/** What the extension needs of a sync. */
export interface ViewSource {
  readonly views: object
  /** Resolves once everything that was committed before the call is in the views. */
  catchUp(): Promise<Lsn>
}

/** A Prisma Client extension, for `$extends`: the client gets `$views` and `$fresh`. */
export interface ViewsExtension<Views> {
  name: string
  client: {
    /** `sync.views`. */
    readonly $views: Views
    /**
     * `sync.catchUp()`: resolves with the position once everything that was committed before this call, by anybody, is in the
     * views. Throws: as `catchUp`; SYNC.STATE inside a transaction, whose own writes nobody sees yet.
     */
    $fresh(): Promise<Lsn>
  }
  query: {
    /** Tells `trackCommits` whose a batch is; changes nothing. */
    $allOperations<Args>(operation: Operation<Args>): Promise<unknown>
  }
}

/** One call of the client. */
interface Operation<Args> {
  readonly args: Args
  readonly query: (args: Args) => Promise<unknown>
  /** Not documented, so it may be missing one day. */
  readonly __internalParams?: { readonly transaction?: { readonly kind?: string } }
}

/**
 * The views of a sync as a Prisma Client extension: `prisma.$views`, and `prisma.$fresh()` to have one's own writes in them.
 * Both are there in interactive transactions as well; there `$fresh` is refused, since what a transaction has written is in
 * no view before it is committed. Call it before or after.
 *
 * @example
 * ```ts
 * import { PrismaPg } from '@prisma/adapter-pg'
 * import { createSync, defineView, withViews } from 'prisma-dbsync'
 * import { PrismaClient } from './generated/client/client.ts'
 * import { Restaurant, schema } from './generated/dbsync/index.ts'
 *
 * const connectionString = 'postgresql://localhost/app'
 * const names = defineView('names', (q) => q.from({ r: Restaurant }).select(({ r }) => ({ id: r.id, name: r.name })))
 * const sync = createSync({ schema, connection: connectionString, views: { names } })
 * const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) }).$extends(withViews(sync))
 *
 * export async function rename(id: string, name: string): Promise<string | undefined> {
 *   await prisma.restaurant.update({ where: { id }, data: { name } })
 *   await prisma.$fresh()
 *   return prisma.$views.names.get(id)?.name
 * }
 * ```
 */
export function withViews<Source extends ViewSource>(sync: Source): ViewsExtension<Source['views']> {
  seeBatches()
  return {
    name: 'prisma-dbsync',
    client: {
      $views: sync.views,
      $fresh(this: unknown) {
        if (!isTransactionClient(this)) return sync.catchUp()
        return Promise.reject(
          new DbsyncError(
            'SYNC.STATE',
            '$fresh() was called inside a transaction, whose own writes are in no view before it is committed. Call it before or after.',
          ),
        )
      },
    },
    query: {
      $allOperations({ args, query, __internalParams: call }) {
        // Where Prisma does not say what it is, it may be a batch.
        const isAlone = call !== undefined && call.transaction?.kind !== 'batch'
        return isAlone ? query(args) : runBatch(() => query(args))
      },
    },
  }
}

/** Prisma calls the extension's methods on the client; a transaction's client has no connection of its own to open. */
function isTransactionClient(client: unknown): boolean {
  return typeof client === 'object' && client !== null && '$transaction' in client && !('$connect' in client)
}
