import { DbsyncError, isDbsyncError } from '../../core/errors.ts'
import { serverError } from '../../postgres/server-error.ts'

/** What a statement of a store was about, for messages. */
export interface StatementContext {
  /** Continues "PostgreSQL could not …". */
  readonly doing: string
  /** The view whose rows were written, where it was one. */
  readonly view?: string
  /** For a statement that is about several: the view whose table it is that an error names. */
  readonly viewAt?: (schema: string, table: string) => string | undefined
  /** SQL that gives the role what the statement needs. */
  readonly grant?: string
}

/**
 * Classes of SQLSTATE that pass, or are none of a view's fault: connection, transaction state, rollback, resources, objects that are
 * in use, operators' intervention, the system, the server itself.
 */
const PASSING = new Set('08 25 40 53 55 57 58 F0 XX'.split(' '))

/**
 * Gives what went wrong with a statement of a store its code.
 *
 * STORE.UNAVAILABLE: it may be tried again in a new transaction. STORE.ROW_REFUSED: the database will not take this view, with
 * `details.view`, SQLSTATE and the names of table, column and constraint, and no values. POSTGRES.PERMISSION with `details.sql`.
 * A lost connection keeps its own code.
 */
export function storeError(error: unknown, context: StatementContext): DbsyncError {
  if (isDbsyncError(error)) return error
  const { doing, grant } = context
  const view = context.view ?? context.viewAt?.(named(error, 'schema') ?? '', named(error, 'table') ?? '')
  const general = serverError(error, doing)
  const sqlState = general.details['sqlState']
  // A code of the operating system, or none: the connection.
  if (typeof sqlState !== 'string' || general.code === 'POSTGRES.CONNECTION_LOST') return general
  if (general.code === 'POSTGRES.PERMISSION') return permissionError(general, grant)
  if (general.code === 'POSTGRES.AUTHENTICATION') return general
  if (view !== undefined && !PASSING.has(sqlState.slice(0, 2))) return refusal(error, sqlState, view)
  // A data error without a view has no one to blame, and will not pass either; it is tried again and told of.
  return unavailable(general)
}

/** A failure to connect, as a store tells it: that a server has no room for a session passes. */
export function connectFailure(error: unknown): unknown {
  return isDbsyncError(error, 'POSTGRES.LIMIT') ? unavailable(error) : error
}

function unavailable({ message, details }: DbsyncError): DbsyncError {
  return new DbsyncError('STORE.UNAVAILABLE', `${message} It is tried again; nothing is lost meanwhile.`, {
    details,
  })
}

function permissionError(general: DbsyncError, grant: string | undefined): DbsyncError {
  if (grant === undefined) return general
  const doing = String(general.details['doing'])
  return new DbsyncError(
    'POSTGRES.PERMISSION',
    `The role may not ${doing}. Have an owner of the database run: ${grant}`,
    { details: { ...general.details, sql: grant } },
  )
}

function refusal(error: unknown, sqlState: string, view: string): DbsyncError {
  const [constraint, table, column] = [
    named(error, 'constraint'),
    named(error, 'table'),
    named(error, 'column'),
  ]
  const about = [
    ...(constraint === null ? [] : [`constraint "${constraint}"`]),
    ...(column === null ? [] : [`column "${column}"`]),
    ...(table === null ? [] : [`table "${table}"`]),
  ]
  return new DbsyncError(
    'STORE.ROW_REFUSED',
    `View "${view}" cannot be written: PostgreSQL refuses one of its rows or its table (SQLSTATE ${sqlState}` +
      `${about.length === 0 ? '' : `, ${about.join(', ')}`}). Its table keeps the rows that it has; the server's log names the row. ` +
      'Take the constraint away, or correct the view or the data, and start again.',
    { details: { view, sqlState, constraint, table, column } },
  )
}

/** What a server's error names. */
function named(error: unknown, field: 'schema' | 'table' | 'column' | 'constraint'): string | null {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, field) : null
  return typeof value === 'string' ? value : null
}
