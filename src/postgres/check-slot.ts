import { quoteLiteral } from '../core/quote.ts'
import type pg from 'pg'
import { advice, problem, type Finding } from './finding.ts'
import type { SlotReport } from './read-slots.ts'

/** A slot that keeps this much and that nobody reads is worth a warning. */
const MUCH_BYTES = 64 * 1024 * 1024

/** Checks the slot that a sync would use, and the others of the database that speak pgoutput. */
export async function checkSlots(
  client: pg.ClientBase,
  name: string,
  slots: readonly SlotReport[],
): Promise<readonly Finding[]> {
  const findings = slots.flatMap((slot) => checkSlot(slot, slot.name === name))
  if (slots.some((slot) => slot.name === name)) return findings
  const { rows } = await client.query<{ plugin: string; database: string }>(
    `SELECT coalesce(plugin, '')::text AS plugin, coalesce(database, '')::text AS database
     FROM pg_catalog.pg_replication_slots WHERE slot_name = $1`,
    [name],
  )
  const [other] = rows
  if (other === undefined) return findings
  const found = problem(
    'SLOT.INCOMPATIBLE',
    `Slot "${name}" belongs to plugin "${other.plugin}" and database "${other.database}"; names of slots are those of the whole ` +
      'server. Name another slot in the option slot.name.',
    { details: { slot: name } },
  )
  return [...findings, found]
}

function checkSlot(slot: SlotReport, isOurs: boolean): readonly Finding[] {
  const details = { slot: slot.name, retainedBytes: slot.retainedBytes, walStatus: slot.walStatus }
  const drop = [`SELECT pg_drop_replication_slot(${quoteLiteral(slot.name)});`]
  if (slot.invalid !== null) {
    const message = `Slot "${slot.name}" is invalid (${slot.invalid}): the server has given it up, and changes since are lost to it.`
    return isOurs
      ? [
          problem('SLOT.INVALIDATED', `${message} Drop it; the next start reads the tables anew.`, {
            sql: drop,
            details,
          }),
        ]
      : [advice('warning', 'SLOT.INVALIDATED', `${message} Drop it.`, { sql: drop, details })]
  }
  if (slot.activePid !== null) {
    if (!isOurs) return []
    const message = `Slot "${slot.name}" is in use by backend ${slot.activePid} (${slot.application ?? 'no name'}): a sync is running.`
    return [advice('note', 'SLOT.IN_USE', message, { details })]
  }
  const bytes = slot.retainedBytes ?? 0
  const isInDanger = slot.walStatus === 'unreserved' || slot.walStatus === 'extended'
  if (bytes < MUCH_BYTES && !isInDanger) return []
  return [
    advice(
      'warning',
      'ADVICE.SLOT',
      `Nobody streams from slot "${slot.name}", for which the server keeps ${Math.round(bytes / 1024 / 1024)} MB of WAL ` +
        `(wal_status ${slot.walStatus ?? 'unknown'}). Start the app that it belongs to, or drop it.`,
      { sql: drop, details },
    ),
  ]
}
