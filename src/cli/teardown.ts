import type { Command } from 'commander'
import { uninstall } from '../engine/uninstall.ts'
import { connectionOf, withConnection, withPublication, type SharedOptions } from './shared-options.ts'
import type { Terminal } from './terminal.ts'
import { toJson } from './to-json.ts'

interface TeardownOptions extends SharedOptions {
  readonly publication: string
  readonly slot: string
  readonly yes?: true
}

/** Adds `teardown`: drops what a sync leaves in a database. */
export function addTeardown(program: Command, terminal: Terminal): void {
  const command = program
    .command('teardown')
    .summary('drop slot and publication')
    .description(
      "Drops the durable slot and the publication of a sync that is retired. The slot's place in the stream is lost for good. " +
        'Without --yes it only says what it would drop.',
    )
  withPublication(withConnection(command))
    .option('--slot <name>', 'the durable slot', 'dbsync')
    .option('--yes', 'do it')
    .action(async (options: TeardownOptions) => {
      const { publication, slot } = options
      const dropped = options.yes === true
      const connection = connectionOf(options, terminal)
      const found = await uninstall({ connection, slot, publication, dryRun: !dropped })
      if (options.json === true) {
        await terminal.print(toJson({ ...found, dropped }))
        return
      }
      for (const [kind, { name, found: isThere }] of [
        ['slot', found.slot],
        ['publication', found.publication],
      ] as const) {
        const deed = dropped ? 'dropped' : 'would drop'
        await terminal.print(isThere ? `${deed} ${kind} "${name}"` : `no ${kind} "${name}"`)
      }
      if (!dropped && (found.slot.found || found.publication.found))
        await terminal.print('Nothing was dropped. Run it again with --yes.')
    })
}
