import type { Command } from 'commander'
import { setUp } from '../engine/set-up.ts'
import type { Statement } from '../postgres/role-rights.ts'
import { wrap } from './layout.ts'
import { surroundings, withContract, withPublication, type ContractOptions } from './shared-options.ts'
import type { Terminal } from './terminal.ts'
import { toJson } from './to-json.ts'

interface SetupOptions extends ContractOptions {
  readonly publication: string
  readonly role?: string
  readonly apply?: true
}

/** Adds `setup`: the SQL that gives a sync the least that does. */
export function addSetup(program: Command, terminal: Terminal): void {
  const command = program
    .command('setup')
    .argument('[models...]', 'only these models')
    .summary('print or apply the SQL that a sync needs')
    .description(
      'Prints the SQL that is missing for a sync to run with the least rights: role, grants, replica identities, publication. ' +
        'Connect as the owner of the tables. Once it is applied it prints nothing more.',
    )
  withPublication(withContract(command))
    .option('--role <name>', 'the role of the sync (default: the one that connects)')
    .option('--apply', 'run the SQL in one transaction, rather than print it')
    .action(async (models: string[], options: SetupOptions) => {
      const { publication, role = null, apply = false } = options
      const place = await surroundings(options, terminal)
      const { statements, hints, isApplied } = await setUp({ ...place, publication, role, models, apply })
      if (options.json === true) {
        await terminal.print(toJson({ statements, hints, applied: isApplied }))
        return
      }
      if (statements.length === 0)
        await terminal.print('-- Nothing to do: rights, identities and publication are as they must be.')
      else if (isApplied) await terminal.print('-- Applied, in one transaction:')
      for (const statement of statements) await terminal.print(script(statement))
      if (hints.length === 0) return
      await terminal.print('\n-- For an administrator of the server; not applied from here:')
      for (const { sql, reason } of hints) await terminal.print(`${comment(reason)}-- ${sql}`)
    })
}

function script({ sql, reason }: Statement): string {
  return `${comment(reason)}${sql}`
}

function comment(reason: string): string {
  return reason === '' ? '' : `${wrap(reason, '-- ')}\n`
}
