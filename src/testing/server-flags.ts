/** Settings of every server that is started for tests: logical WAL, room for many tests at once, nothing that a crash must keep. */
export const SERVER_FLAGS: readonly string[] = [
  'wal_level=logical',
  'max_wal_senders=40',
  'max_replication_slots=40',
  'max_connections=200',
  'max_prepared_transactions=20',
  'fsync=off',
  'autovacuum_naptime=60',
].flatMap((setting) => ['-c', setting])
