import type pg from 'pg'
import { advice, problem, type Finding } from './finding.ts'

interface Settings {
  readonly slots: number
  readonly used_slots: number
  readonly senders: number
  readonly used_senders: number
  readonly sender_timeout_ms: number
  readonly keep_mb: number
  readonly idle_timeout_s: number
}

// `pg_settings` has the numbers in the parameter's base unit. Rights: none. Version: 14.
const READ_SETTINGS = `
  SELECT current_setting('max_replication_slots')::int AS slots,
         (SELECT count(*) FROM pg_catalog.pg_replication_slots)::int AS used_slots,
         current_setting('max_wal_senders')::int AS senders,
         (SELECT count(*) FROM pg_catalog.pg_stat_replication)::int AS used_senders,
         (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout')::int AS sender_timeout_ms,
         (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size')::int AS keep_mb,
         coalesce((SELECT setting FROM pg_catalog.pg_settings WHERE name = 'idle_replication_slot_timeout')::int, 0)
           AS idle_timeout_s`

const SHORT_TIMEOUT_MS = 10_000
const RELOAD = 'SELECT pg_reload_conf();'

/**
 * Checks that a further slot and walsender fit, and what the server does to slots that fall behind or stand still.
 * `hasSlot`: the slot is there already, so none need be free.
 */
export async function checkLimits(client: pg.ClientBase, hasSlot: boolean): Promise<readonly Finding[]> {
  const { rows } = await client.query<Settings>(READ_SETTINGS)
  const [found] = rows
  if (found === undefined) return []
  const findings: Finding[] = []
  if (!hasSlot && found.used_slots >= found.slots) {
    findings.push(
      problem(
        'POSTGRES.LIMIT',
        `All ${found.slots} replication slots of the server are in use; a sync needs one. Drop slots that nobody uses, ` +
          'or raise max_replication_slots and restart the server.',
        {
          sql: [`ALTER SYSTEM SET max_replication_slots = ${found.slots + 10};`],
          details: { setting: 'max_replication_slots', value: found.slots, used: found.used_slots },
        },
      ),
    )
  }
  if (found.used_senders >= found.senders) {
    findings.push(
      problem(
        'POSTGRES.LIMIT',
        `All ${found.senders} walsenders of the server are busy; a sync needs one. Raise max_wal_senders and restart the server.`,
        {
          sql: [`ALTER SYSTEM SET max_wal_senders = ${found.senders + 10};`],
          details: { setting: 'max_wal_senders', value: found.senders, used: found.used_senders },
        },
      ),
    )
  }
  if (found.keep_mb < 0) {
    findings.push(
      advice(
        'warning',
        'ADVICE.WAL_UNLIMITED',
        'max_slot_wal_keep_size is unlimited: a durable slot that nobody reads keeps WAL until the disk is full and the ' +
          'server stops. Set a limit that the disk has room for; a slot beyond it is given up, and the tables are read anew.',
        {
          sql: ["ALTER SYSTEM SET max_slot_wal_keep_size = '20GB';", RELOAD],
          details: { setting: 'max_slot_wal_keep_size', value: found.keep_mb },
        },
      ),
    )
  }
  if (found.idle_timeout_s > 0) {
    findings.push(
      advice(
        'warning',
        'ADVICE.IDLE_SLOT_TIMEOUT',
        `idle_replication_slot_timeout is ${found.idle_timeout_s} s: the server gives up a durable slot that nobody has ` +
          'streamed from for so long. Set it above the longest time that the app may be down, or turn it off.',
        {
          sql: ['ALTER SYSTEM SET idle_replication_slot_timeout = 0;', RELOAD],
          details: { setting: 'idle_replication_slot_timeout', value: found.idle_timeout_s },
        },
      ),
    )
  }
  if (found.sender_timeout_ms < SHORT_TIMEOUT_MS) {
    findings.push(
      advice(
        'warning',
        'ADVICE.SENDER_TIMEOUT',
        found.sender_timeout_ms === 0
          ? 'wal_sender_timeout is off: the server does not notice a client that is gone without a word, and keeps its slot in use.'
          : `wal_sender_timeout is ${found.sender_timeout_ms} ms: a busy event loop or a slow network ends the stream.`,
        {
          sql: ["ALTER SYSTEM SET wal_sender_timeout = '60s';", RELOAD],
          details: { setting: 'wal_sender_timeout', value: found.sender_timeout_ms },
        },
      ),
    )
  }
  return findings
}
