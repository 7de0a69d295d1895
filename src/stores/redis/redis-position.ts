import { parseLsn, type Lsn } from '../../core/lsn.ts'
import type { RedisClient } from './redis-client.ts'
import { replyList, replyText } from './redis-reply.ts'
import { CHECKPOINT, checkpointName, REDIS_PREFIX, viewsName } from './redis-names.ts'

/** How far the rows of a view in Redis are. */
export interface RedisPosition {
  /** The rows are what the view's SQL answers at this position; null: not all have been written yet. */
  readonly lsn: Lsn | null
  /** A batch too large for one transaction is being written: some rows are further on than `lsn`, and some may be of rows that are gone. */
  readonly isWriting: boolean
  /** The code that the view has stopped with; its rows stay as they were then. */
  readonly failed: string | null
}

/**
 * Tells how far the rows of a view in Redis are: what is read after it is at that position or later. To read several rows as of
 * one position, ask before and after; if both answers are the same and not writing, they are.
 *
 * `view`: its name or definition. Resolves to null for a view that nobody keeps there; rejects with what the client rejects with.
 *
 * @example
 * ```ts
 * import type { createClient } from 'redis'
 * import { redisPosition } from 'prisma-dbsync'
 *
 * export async function isWhole(redis: ReturnType<typeof createClient>): Promise<boolean> {
 *   const position = await redisPosition(redis, 'restaurants', { prefix: 'dbsync' })
 *   return position !== null && position.lsn !== null && !position.isWriting
 * }
 * ```
 */
export async function redisPosition(
  client: Pick<RedisClient, 'sendCommand'>,
  view: string | { readonly name: string },
  options: { readonly prefix?: string } = {},
): Promise<RedisPosition | null> {
  const prefix = options.prefix ?? REDIS_PREFIX
  const name = typeof view === 'string' ? view : view.name
  const pipeline = replyText(await client.sendCommand(['HGET', viewsName(prefix), name]))
  if (pipeline === null) return null
  const fields = [CHECKPOINT.lsn, CHECKPOINT.writing, CHECKPOINT.failed(name), CHECKPOINT.view(name)]
  const reply = await client.sendCommand(['HMGET', checkpointName(prefix, pipeline), ...fields])
  const [lsn = null, writing = null, failed = null, form = null] = replyList(reply).map(replyText)
  if (failed !== null) {
    const [code = '', then = ''] = failed.split(' ')
    return { lsn: then === '' ? null : parseLsn(then), isWriting: false, failed: code }
  }
  return {
    lsn: lsn === null || form === null ? null : parseLsn(lsn),
    isWriting: writing !== null,
    failed: null,
  }
}
