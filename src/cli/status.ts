import type { Command } from 'commander'
import { readDatabaseStatus, type DatabaseStatus } from '../engine/read-database-status.ts'
import type { SlotReport } from '../postgres/read-slots.ts'
import { align, formatBytes, formatSeconds } from './layout.ts'
import { connectionOf, withConnection, withPublication, type SharedOptions } from './shared-options.ts'
import type { Terminal } from './terminal.ts'
import { toJson } from './to-json.ts'

interface StatusOptions extends SharedOptions {
  readonly publication: string
}

/** Adds `status`: slots with their lag, the publication, snapshots under way. */
export function addStatus(program: Command, terminal: Terminal): void {
  const command = program
    .command('status')
    .summary('show slots, lag, retained WAL and the publication')
    .description(
      'Shows what the server knows of the syncs of this database: slots, who streams from them, how far they are behind, how ' +
        'much WAL they hold; the publication; tables that a durable sync is reading.',
    )
  withPublication(withConnection(command)).action(async (options: StatusOptions) => {
    const status = await readDatabaseStatus({
      connection: connectionOf(options, terminal),
      publication: options.publication,
    })
    if (options.json === true) await terminal.print(toJson(status))
    else for (const line of describe(status)) await terminal.print(line)
  })
}

const HEADINGS = ['SLOT', 'STATE', 'BEHIND', 'LATE', 'RETAINED', 'SAFE', 'WAL']

function describe({ database, walEnd, slots, publication, snapshot }: DatabaseStatus): readonly string[] {
  const tables = publication.tables
  const heading = [
    ['database', database],
    ['WAL end', walEnd],
    [
      'publication',
      `${publication.name}: ${tables === null ? 'not there' : tables.join(', ') || 'no tables'}`,
    ],
  ]
  const lines = [...align(heading), '']
  if (slots.length === 0)
    lines.push('No slot of this database speaks pgoutput: no sync is running, none is durable.')
  else lines.push(...align([HEADINGS, ...slots.map(cells)]))
  if (snapshot !== null && snapshot.length > 0) {
    const names = Object.keys(snapshot[0] ?? {})
    const rows = snapshot.map((row) => names.map((name) => row[name] ?? '-'))
    lines.push('', 'Snapshots:', ...align([names.map((name) => name.toUpperCase()), ...rows]))
  }
  return lines
}

function cells(slot: SlotReport): readonly string[] {
  return [
    slot.name,
    stateOf(slot),
    formatBytes(slot.lagBytes),
    formatSeconds(slot.lagSeconds),
    formatBytes(slot.retainedBytes),
    formatBytes(slot.safeBytes),
    slot.walStatus ?? '-',
  ]
}

function stateOf({ invalid, activePid, application, temporary, idleSeconds }: SlotReport): string {
  const kind = temporary ? ', temporary' : ''
  if (invalid !== null) return `invalid: ${invalid}`
  if (activePid !== null)
    return `active, pid ${activePid}${application === null ? '' : ` (${application})`}${kind}`
  return idleSeconds === null ? 'inactive' : `inactive for ${formatSeconds(idleSeconds)}`
}
