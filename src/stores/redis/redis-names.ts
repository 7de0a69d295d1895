/** Where a store's keys begin, unless `prefix` says otherwise. */
export const REDIS_PREFIX = 'dbsync'

/** Who writes, unless `pipeline` says otherwise. */
export const REDIS_PIPELINE = 'dbsync'

/*
 * The names of a store's keys. The name of a view holds neither `:` nor `@`, so those of rows and the others never meet.
 */

/**
 * The key of a row: `PREFIX:VIEW:VALUE:VALUE…`, in the order of the view's key. In values `%` is written `%25` and `:` as `%3A`;
 * `%N` is NULL. A view of one row has `PREFIX:VIEW:`.
 */
export function rowName(prefix: string, view: string, key: readonly (string | null)[]): string {
  return `${prefix}:${view}:${key.map(escaped).join(':')}`
}

/** A hash: who may write (`writer`), up to where the views are written (`lsn`), and more of `CheckpointField`. */
export function checkpointName(prefix: string, pipeline: string): string {
  return `${prefix}:@checkpoint:${pipeline}`
}

/** A hash: by view, the pipeline that writes it. */
export function viewsName(prefix: string): string {
  return `${prefix}:@views`
}

/** A hash: by key of a row of the view, the generation that last wrote it. */
export function rowsName(prefix: string, view: string): string {
  return `${prefix}:@rows:${view}`
}

/** The fields of a checkpoint. */
export const CHECKPOINT = {
  writer: 'writer',
  /** Absent before the first commit. */
  lsn: 'lsn',
  /** There while a batch of several parts is being written. */
  writing: 'writing',
  /** Of which definition and form the rows of a view are; absent until all are written. */
  view: (view: string): string => `view:${view}`,
  /** The code that a view has stopped with. */
  failed: (view: string): string => `failed:${view}`,
} as const

function escaped(value: string | null): string {
  return value === null ? '%N' : value.replaceAll('%', '%25').replaceAll(':', '%3A')
}
