/**
 * What the engine does after a failure: stop until a person changes something, call again, open a new
 * session, read the tables again, or leave the work to another owner.
 */
export type Recovery = 'fix' | 'retry' | 'reconnect' | 'resnapshot' | 'yield'

/** Every code that this package throws, with its recovery and its meaning. */
export const ERROR_CODES = {
  'CONFIG.INVALID_OPTIONS': ['fix', 'an option is missing, misspelt or of the wrong kind'],
  'CONFIG.UNKNOWN_HANDLER': ['fix', 'handlers name a model that the contract does not have'],
  'CONFIG.DUPLICATE_VIEW': ['fix', 'two views carry the same name'],
  'CONFIG.INSECURE_CONNECTION': ['fix', 'the connection would leave this machine without verified TLS'],
  'CONTRACT.INVALID': ['fix', 'the generated contract does not have the form this version reads'],
  'CONTRACT.TABLE_MISSING': ['fix', 'the database lacks a table that the contract names'],
  'CONTRACT.COLUMN_MISSING': ['fix', 'the database lacks a column that the contract names'],
  'CONTRACT.TYPE_MISMATCH': ['fix', 'a column has another type in the database than in the contract'],
  'CONTRACT.NULLABILITY': ['fix', 'a column may hold NULL in the database and may not in the contract'],
  'POSTGRES.CONNECTION_REFUSED': ['retry', 'the server cannot be reached'],
  'POSTGRES.CONNECTION_LOST': ['reconnect', 'the server or the network ended a connection'],
  'POSTGRES.AUTHENTICATION': ['fix', 'the server rejects the user, the password or the database'],
  'POSTGRES.TLS': ['fix', 'the server offers no TLS, or its certificate cannot be verified'],
  'POSTGRES.VERSION': ['fix', 'the server is older than PostgreSQL 14'],
  'POSTGRES.WAL_LEVEL': ['fix', 'the server does not write logical WAL'],
  'POSTGRES.PERMISSION': ['fix', 'the role lacks a right'],
  'POSTGRES.LIMIT': ['fix', 'the server has no free slot or walsender'],
  'POSTGRES.STANDBY': ['fix', 'the server is a standby; DBSync reads the primary'],
  'POSTGRES.POOLER': ['fix', 'the connection goes through a pooler'],
  'POSTGRES.ENCODING': ['fix', 'the database has no encoding, so its text may be no valid UTF-8'],
  'POSTGRES.HISTORY': [
    'resnapshot',
    'the server is another one, or its WAL has another history; changes may be missed',
  ],
  'POSTGRES.QUERY_FAILED': ['retry', 'the server answered a statement with an error'],
  'SLOT.IN_USE': ['yield', 'another session streams from the slot'],
  'SLOT.MISSING': ['resnapshot', 'the slot is gone; changes since the last confirmation are lost to it'],
  'SLOT.INVALIDATED': ['resnapshot', 'the server discarded WAL that the slot still needed'],
  'SLOT.INCOMPATIBLE': ['fix', 'a slot of that name exists and is not a pgoutput slot of this database'],
  'SLOT.UNBOUNDED_WAL': ['fix', 'a durable slot may keep WAL until the disk is full'],
  'SLOT.IDLE_TIMEOUT': ['fix', 'the server gives up slots that were not used for some time'],
  'SLOT.STALLED': ['retry', 'the server writes WAL and sends nothing of it'],
  'PUBLICATION.MISSING': ['resnapshot', 'the publication was dropped; changes may have been skipped'],
  'PUBLICATION.INCOMPLETE': ['fix', 'the publication lacks a table, an operation, a column or filters rows'],
  'WAL.MALFORMED': ['reconnect', 'bytes on the stream are not what the protocol says'],
  'WAL.UNSUPPORTED': ['fix', 'the stream carries a message that this version does not read'],
  'SNAPSHOT.CHUNK_FAILED': ['retry', 'a chunk could not be read'],
  'SNAPSHOT.RELATION_CHANGED': ['resnapshot', 'a table changed its shape while it was being read'],
  'CHANGES.REPLICA_IDENTITY': ['fix', 'a table has no usable replica identity'],
  'CHANGES.UNDECODABLE_VALUE': ['fix', 'a value on the wire does not fit the type in the contract'],
  'CHANGES.UNKNOWN_ENUM_LABEL': ['fix', 'an enum label is not in the contract'],
  'VIEW.INVALID_DEFINITION': ['fix', 'a view definition is not valid'],
  'VIEW.NOT_EXACT': ['fix', 'a view cannot be kept exactly as Postgres would answer'],
  'VIEW.UNSUPPORTED': ['fix', 'a view asks for something that this version does not do'],
  'VIEW.EVALUATION': [
    'fix',
    'an expression of a view has no value for a row: an overflow, a division by zero, a bad cast',
  ],
  'VIEW.REMOVED': ['fix', 'a view was read after it was removed from its sync'],
  'VIEW.OUT_OF_RANGE': ['fix', 'a result does not fit the type that the view promises'],
  'HANDLER.FAILED': ['retry', 'a handler threw and its attempts are used up'],
  'REFRESH.CANCELLED': ['fix', 'a refresh was cancelled'],
  'MESSAGE.INVALID': ['fix', 'a logical message does not fit its schema'],
  'SINK.TRUNCATED': ['fix', 'a table was truncated and its sink has no truncate callback'],
  'STORE.FENCED': ['yield', 'another instance has taken over the writing of a store'],
  'STORE.UNAVAILABLE': ['retry', 'a store cannot be reached or cannot take a batch at the moment'],
  'STORE.ROW_REFUSED': ['fix', 'a row of a view violates a constraint of its derived table'],
  'STORE.TABLE_EXISTS': ['fix', 'a table of the name of a derived table exists and is not ours'],
  'STORE.TABLE_CHANGED': ['fix', 'somebody changed the form of a derived table'],
  'STORE.TABLE_IN_USE': ['fix', 'another sync writes the same derived table'],
  'STORE.UNSUPPORTED': ['fix', 'a view cannot be kept in a store of that kind'],
  'STORE.LOOP': ['fix', 'a view reads what it writes, or a derived table is published'],
  'STATE.UNUSABLE': ['resnapshot', 'a local checkpoint does not fit the sync, or is damaged'],
  'SYNC.NOT_READY': ['retry', 'a view was read before it was live'],
  'SYNC.CLOSED': ['fix', 'the sync is closed'],
  'SYNC.STATE': ['fix', 'a call does not fit the state of the sync'],
  'SYNC.SPILL_FAILED': ['fix', 'a transaction too large for memory could not be kept in a temporary file'],
  'GENERATOR.INVALID_OPTIONS': ['fix', 'an option of the generator block is not valid'],
  'GENERATOR.UNSUPPORTED_SCHEMA': ['fix', 'the Prisma schema has something that cannot be kept in sync'],
  'TESTING.NO_SERVER': ['fix', 'no PostgreSQL for tests was found, or it could not be started'],
  'TESTING.MIGRATIONS': ['fix', 'the migrations for a test database were not found, or failed'],
  'TESTING.SCHEMA_DIFFERS': ['fix', 'the migrations do not make the tables of the generated schema'],
  'TESTING.NO_FAST_CHECK': ['fix', 'an arbitrary was asked for and fast-check is not installed'],
  'TESTING.SYNC_LEFT_OPEN': ['fix', 'a sync was not closed before its test database was disposed of'],
  'INTERNAL.INVARIANT': ['fix', 'a bug in DBSync; please report it'],
} as const satisfies Record<string, readonly [Recovery, string]>

/** One of the codes of {@link ERROR_CODES}, `NAMESPACE.SUBCODE`. */
export type ErrorCode = keyof typeof ERROR_CODES

/**
 * The one error class of this package.
 *
 * `message` says what was found, what is needed and what to do; it never holds row values, passwords or
 * connection strings. `details` holds the same as data. A `cause` is there only where the application's own code threw it.
 *
 * @example
 * ```ts
 * import { isDbsyncError } from 'prisma-dbsync'
 *
 * export function hint(error: unknown): string {
 *   return isDbsyncError(error, 'SLOT.IN_USE') ? 'another instance is running' : 'unexpected'
 * }
 * ```
 */
export class DbsyncError extends Error {
  override readonly name = 'DbsyncError'
  readonly code: ErrorCode
  /** What the sync does about it; `fix`: a person must change something. */
  readonly recovery: Recovery
  /** What the message says, as data. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly details?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.recovery = ERROR_CODES[code][0]
    this.details = options.details ?? {}
  }
}

/**
 * Tells whether a value is a {@link DbsyncError}, and of that code if one is given. Structural, so two
 * copies of the package in one process recognise each other's errors.
 *
 * @example
 * ```ts
 * import { isDbsyncError, type Sync } from 'prisma-dbsync'
 *
 * // Whether to try again: what needs a person is not mended by waiting.
 * export async function started(sync: Sync): Promise<boolean> {
 *   try {
 *     await sync.start()
 *     return true
 *   } catch (error) {
 *     if (isDbsyncError(error) && error.recovery !== 'fix') return false
 *     throw error
 *   }
 * }
 * ```
 */
export function isDbsyncError(error: unknown, code?: ErrorCode): error is DbsyncError {
  return (
    error instanceof Error &&
    error.name === 'DbsyncError' &&
    'code' in error &&
    (code === undefined || error.code === code)
  )
}

/** Stops with INTERNAL.INVARIANT unless the condition holds. For bugs, never for input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new DbsyncError('INTERNAL.INVARIANT', `bug in DBSync: ${message}`)
}

/**
 * An error of ours as it is; anything else is a bug and becomes INTERNAL.INVARIANT. What JavaScript itself throws may quote
 * values of rows, so of a bug only its kind and the places it came through are kept, in the details.
 */
export function toDbsyncError(error: unknown, where = ''): DbsyncError {
  if (isDbsyncError(error)) return error
  const kind = error instanceof Error ? error.constructor.name : typeof error
  return new DbsyncError(
    'INTERNAL.INVARIANT',
    `bug in DBSync: ${where}${kind}; please report it with its details`,
    {
      details: { kind, places: placesOf(error) },
    },
  )
}

/** The lines of a stack that name functions and files, without the message before them. */
function placesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return []
  const stack = error.message === '' ? error.stack : (error.stack.split(error.message).at(-1) ?? '')
  const lines = stack.split('\n').map((line) => line.trim())
  return lines.filter((line) => /^at .*:\d+:\d+\)?$/.test(line)).slice(0, 10)
}
