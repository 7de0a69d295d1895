import { Option, type Command } from 'commander'
import { explain } from '../views/explain/explain.ts'
import { chooseViews } from './choose-views.ts'
import { loadViews } from './load-views.ts'
import type { Terminal } from './terminal.ts'
import { toJson } from './to-json.ts'

/** Adds `explain`: how the views that a module exports are kept, and what changes cost. */
export function addExplain(program: Command, terminal: Terminal): void {
  program
    .command('explain')
    .argument('<module>', 'a TypeScript or JavaScript module that exports views')
    .argument('[views...]', 'only these, by the names of views or exports')
    .summary('show how views are kept and what changes cost, without a database')
    .description(
      'Loads the module (which runs its code) and shows how one sync keeps its views: tables, columns and indexes, bytes for each ' +
        'row and group, the steps, and what a change of each table costs. No database is needed.',
    )
    .addOption(new Option('--json', 'print JSON, for machines'))
    .action(async (module: string, names: readonly string[], options: { readonly json?: true }) => {
      const views = chooseViews(await loadViews(module, terminal.cwd), names, module)
      const explanation = explain(...views)
      await terminal.print(options.json === true ? toJson(explanation) : explanation.toString())
    })
}
