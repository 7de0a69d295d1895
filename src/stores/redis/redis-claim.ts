import { DbsyncError } from '../../core/errors.ts'
import type { StoredView } from '../view-store.ts'
import type { RedisCommand, RedisConnection } from './redis-connection.ts'
import { CHECKPOINT, checkpointName, rowsName, viewsName } from './redis-names.ts'
import { replyMap, replyText } from './redis-reply.ts'
import type { RedisFormat } from './row-commands.ts'

/** Who wants to write what. */
export interface RedisClaim {
  readonly prefix: string
  readonly pipeline: string
  readonly format: RedisFormat
  readonly views: readonly StoredView[]
  /** A token that no other writer has. */
  readonly writer: string
  readonly takeOver: boolean
  /** Names of views that this writer has told to have stopped; they need not be complete. */
  readonly failed: ReadonlySet<string>
}

/** What a writer finds at its place. */
export interface ClaimedPlace {
  /** The text of the last position. */
  readonly lsn: string | null
  /** A batch of several parts was broken off. */
  readonly isTorn: boolean
  /** All views that go on have been written, by these definitions and in this form. */
  readonly isComplete: boolean
}

/**
 * Makes a writer the one that may write.
 *
 * Returns null if somebody else changed the place meanwhile; try again.
 * Throws: STORE.FENCED without `takeOver` if another writer has the place; STORE.TABLE_IN_USE, STORE.TABLE_EXISTS.
 */
export async function claimPlace(
  connection: RedisConnection,
  claim: RedisClaim,
): Promise<ClaimedPlace | null> {
  const { prefix, pipeline, views, writer } = claim
  const checkpoint = checkpointName(prefix, pipeline)
  const directory = viewsName(prefix)
  const [, fields, owners, ...types] = await connection.send([
    ['WATCH', checkpoint, directory],
    ['HGETALL', checkpoint],
    ['HGETALL', directory],
    ...views.map(({ name }): RedisCommand => ['TYPE', rowsName(prefix, name)]),
  ])
  const found = replyMap(fields)
  const owner = found.get(CHECKPOINT.writer)
  if (!claim.takeOver && owner !== undefined && owner !== writer) throw fencedError(checkpoint)
  const ownerOf = replyMap(owners)
  views.forEach(({ name }, at) => checkView(claim, name, ownerOf.get(name), types[at]))

  const names = new Set(views.map(({ name }) => name))
  const former = [...ownerOf].flatMap(([name, by]) => (by === pipeline && !names.has(name) ? [name] : []))
  const isClaimed = await connection.execute([
    ['HSET', checkpoint, CHECKPOINT.writer, writer],
    ...views.map(({ name }): RedisCommand => ['HSET', directory, name, pipeline]),
    // The position says nothing of them any more, so when they come back they are written anew.
    ...former.flatMap((name): RedisCommand[] => [
      ['HDEL', directory, name],
      ['HDEL', checkpoint, CHECKPOINT.view(name), CHECKPOINT.failed(name)],
    ]),
  ])
  if (!isClaimed) return null
  return {
    lsn: found.get(CHECKPOINT.lsn) ?? null,
    isTorn: found.has(CHECKPOINT.writing),
    isComplete: views.every(
      ({ name, fingerprint }) =>
        claim.failed.has(name) || found.get(CHECKPOINT.view(name)) === `${claim.format} ${fingerprint}`,
    ),
  }
}

function checkView(
  { prefix, pipeline }: RedisClaim,
  view: string,
  owner: string | undefined,
  type: unknown,
): void {
  if (owner !== undefined && owner !== pipeline) {
    throw new DbsyncError(
      'STORE.TABLE_IN_USE',
      `Found that the pipeline "${owner}" writes the view ${view} under ${prefix}:; need one writer a view. Give this store another ` +
        `prefix; if that sync is no more: HDEL ${viewsName(prefix)} ${view}`,
      { details: { view, pipeline: owner } },
    )
  }
  if (type === 'none' || type === 'hash') return
  throw new DbsyncError(
    'STORE.TABLE_EXISTS',
    `Found ${rowsName(prefix, view)} to be a ${replyText(type) ?? 'thing of its own'}; need a key of ours. Give the store a prefix that nobody else uses.`,
    { details: { view } },
  )
}

/**
 * Refuses a Redis that throws keys away when its memory is full: a row would be missing, and nobody told.
 *
 * Throws: STORE.UNSUPPORTED.
 */
export async function checkEviction(connection: RedisConnection): Promise<void> {
  // Who may not ask may not know.
  const info = replyText(await connection.tryAsk(['INFO', 'memory'])) ?? ''
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? ''
  if (!policy.startsWith('allkeys-') || /^maxmemory:0\b/m.test(info)) return
  throw new DbsyncError(
    'STORE.UNSUPPORTED',
    `Found the setting maxmemory-policy ${policy}, by which Redis throws rows away; need one that keeps keys without expiry. Set it to ` +
      'noeviction or volatile-lru.',
    { details: { policy } },
  )
}

/** The error of a writer that is one no more. */
export function fencedError(checkpoint: string): DbsyncError {
  return new DbsyncError(
    'STORE.FENCED',
    `Found another writer in ${checkpoint}; need to be the one that took over last. Nothing was written; the other instance goes on.`,
    { details: { checkpoint } },
  )
}

/** The error of a place that is not as its writer left it. */
export function lostError(checkpoint: string, found: string): DbsyncError {
  return new DbsyncError(
    'STORE.UNAVAILABLE',
    `Found ${found} in ${checkpoint}; need what was written last. Redis has lost data, or somebody changed them: all rows are written anew.`,
    { details: { checkpoint } },
  )
}
