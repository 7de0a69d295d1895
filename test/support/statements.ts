/** Marks the beginning of an entry of the log, with application and database. */
const ENTRY = '\u0001'

/** Settings of a server that logs every statement and every command of the replication protocol. */
export const STATEMENT_LOG_FLAGS = [
  `log_line_prefix=${ENTRY}%a|%d|`,
  'log_statement=all',
  'log_replication_commands=on',
].flatMap((setting) => ['-c', setting])

/** What the sessions of a sync have sent to one database, in the words of the server's log. */
export function statementsOf(log: string, database: string): string[] {
  return log.split(ENTRY).flatMap((entry) => {
    const match =
      /^dbsync \w+\|([^|]*)\|LOG: +(?:statement|execute [^:]*|received replication command): ([^]*)$/.exec(
        entry,
      )
    return match?.[2] === undefined || match[1] !== database ? [] : [match[2]]
  })
}

/**
 * A statement with every quoted name, literal and number put out of sight: what is left is the same for all names, unless one
 * got out of its quotes.
 */
export function skeleton(sql: string): string {
  return (
    sql
      .replaceAll(/"(?:[^"]|"")*"|E'(?:[^'\\]|''|\\[^])*'|'(?:[^']|'')*'|\b\d+\b/g, (token) =>
        token.startsWith('"') ? '"name"' : /^\d/.test(token) ? '0' : "'text'",
      )
      // Lists of any length.
      .replaceAll(/"name"(?:\."name")?(?:, "name"(?:\."name")?)+/g, '"name", …')
      .replaceAll(/\s+/g, ' ')
      .trim()
  )
}
