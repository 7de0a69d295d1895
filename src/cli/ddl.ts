import { Option, type Command } from 'commander'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { sourceEnumTypes } from '../stores/postgres/enum-types.ts'
import { prismaModel, type PrismaModel } from '../stores/postgres/prisma-model.ts'
import { createTable } from '../stores/postgres/table-ddl.ts'
import { storedViewOf } from '../stores/stored-view.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import { chooseViews } from './choose-views.ts'
import { loadViews } from './load-views.ts'
import type { Terminal } from './terminal.ts'
import { toJson } from './to-json.ts'

interface DdlOptions {
  readonly schema: string
  readonly sql?: true
  readonly prisma?: true
  readonly otherDatabase?: true
  readonly json?: true
}

/** A view's derived table: the statements that make it, and the model that reads it. */
interface DerivedTable {
  readonly view: string
  readonly sql: readonly string[]
  readonly prisma: PrismaModel
}

/** What a constraint may need of the server: a sync asks its own. */
const NEWEST_SERVER = 180_000

/** Adds `ddl`: the tables that views are written to, and the Prisma models that read them. */
export function addDdl(program: Command, terminal: Terminal): void {
  program
    .command('ddl')
    .argument('<module>', 'a TypeScript or JavaScript module that exports views')
    .argument('[views...]', 'only these, by the names of views or exports')
    .summary('print the derived tables of views as SQL and as Prisma models')
    .description(
      'Loads the module (which runs its code) and prints, for each view, the SQL of its derived table, which a sync makes by itself, ' +
        'and the Prisma model that reads it, to be copied into schema.prisma. No database is needed.',
    )
    .addOption(new Option('--schema <name>', 'the schema of the tables').default('derived'))
    .addOption(new Option('--sql', 'print the SQL alone').conflicts('prisma'))
    .addOption(new Option('--prisma', 'print the models alone'))
    .addOption(
      new Option('--other-database', 'the tables stand in another database than the sources: enums are text'),
    )
    .addOption(new Option('--json', 'print JSON, for machines').conflicts(['sql', 'prisma']))
    .action(async (module: string, names: readonly string[], options: DdlOptions) => {
      const views = chooseViews(await loadViews(module, terminal.cwd), names, module)
      const tables = derivedTables(names.length > 0 ? views : storable(views, terminal), options)
      if (options.json === true) return terminal.print(toJson({ schema: options.schema, tables }))
      const parts = [
        ...(options.prisma === true ? [] : [sqlText(tables, options.schema)]),
        ...(options.sql === true ? [] : [prismaText(tables, options.schema)]),
      ]
      return terminal.print(parts.join('\n\n'))
    })
}

/** The views that a table can hold; the others are told of, since nobody asked for them by name. */
function storable(views: readonly ViewDefinition[], terminal: Terminal): readonly ViewDefinition[] {
  return views.filter((view) => {
    try {
      storedViewOf(view)
      return true
    } catch (error) {
      if (!isDbsyncError(error, 'STORE.UNSUPPORTED')) throw error
      terminal.note(`${error.code}: ${error.message}`)
      return false
    }
  })
}

function derivedTables(
  views: readonly ViewDefinition[],
  { schema, otherDatabase }: DdlOptions,
): readonly DerivedTable[] {
  const taken = new Set<string>()
  return views.map((view, index) => {
    if (views.findIndex(({ name }) => name === view.name) < index) {
      throw new DbsyncError(
        'CONFIG.DUPLICATE_VIEW',
        `Two views are called ${view.name}, and their tables would be too. Rename one, or name the views that you mean.`,
      )
    }
    const { enums, models } = view.schema.contract
    for (const { name } of enums) taken.add(name)
    // The model itself may be in the schema already, and keeps its name.
    for (const model of models) {
      if (model.schema !== schema || model.table !== view.name) taken.add(model.model)
    }
    const options = {
      indexes: view.indexes,
      serverVersion: NEWEST_SERVER,
      enumTypes: otherDatabase === true ? new Map<string, string>() : sourceEnumTypes(view.schema),
    }
    const [stored, name] = [storedViewOf(view), { schema, table: view.name }]
    const prisma = prismaModel(stored, name, { ...options, taken })
    taken.add(prisma.name)
    return { view: view.name, sql: createTable(stored, name, options), prisma }
  })
}

function sqlText(tables: readonly DerivedTable[], schema: string): string {
  const statements = [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`,
    ...tables.flatMap(({ sql }) => sql),
  ]
  return statements.map((sql) => `${sql};`).join('\n\n')
}

function prismaText(tables: readonly DerivedTable[], schema: string): string {
  const note =
    `// The datasource has ${JSON.stringify(schema)} among its \`schemas\`; then every model and enum says its @@schema.\n` +
    '// A sync makes and changes these tables: name them in `tables.external` of prisma.config.ts, so that no migration does.'
  return [note, ...tables.map(({ prisma }) => prisma.text)].join('\n\n')
}
