/** What statements are run over: a client of node-pg, or a test database. */
export interface SqlSession {
  /** Runs a statement with its values, or several statements without any. */
  query(sql: string, values?: unknown[]): Promise<unknown>
}
