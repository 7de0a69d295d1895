import { quoteIdentifier } from '../core/quote.ts'
import type { CatalogTable } from './catalog.ts'
import { advice, problem, type Finding } from './finding.ts'
import type { TableNeed } from './preflight.ts'
import { tableName } from './table-name.ts'

/** What preflight leaves to chunks and handlers: rows hidden by policies, values that updates do not carry. */
export function checkTables(
  needs: readonly TableNeed[],
  tables: ReadonlyMap<string, CatalogTable>,
  role: string,
): readonly Finding[] {
  const findings: Finding[] = []
  for (const { model, fields } of needs) {
    const table = tables.get(model.model)
    if (table === undefined) continue
    const details = { model: model.model, table: model.table }
    if (table.hasRowSecurity) {
      findings.push(
        problem(
          'POSTGRES.PERMISSION',
          `${tableName(model)} has row-level security that may hide rows from role "${role}": reading the table fails, since ` +
            'views would miss rows that the stream shows. Let the role pass the policies by.',
          { sql: [`ALTER ROLE ${quoteIdentifier(role)} BYPASSRLS;`], details: { ...details, role } },
        ),
      )
    }
    const large =
      table.replicaIdentity === 'full'
        ? []
        : model.columns.filter(
            ({ field, column }) =>
              fields.includes(field) &&
              table.columns.some(({ name, mayBeToasted }) => name === column && mayBeToasted),
          )
    if (large.length > 0) {
      findings.push(
        advice(
          'note',
          'ADVICE.PARTIAL_OLD_ROWS',
          `An UPDATE of ${tableName(model)} carries neither the old row nor large values that it leaves alone ` +
            `(${large.map(({ field }) => field).join(', ')}). Views have them all the same; a handler that needs them takes ` +
            'REPLICA IDENTITY FULL, which writes every old row to the WAL.',
          {
            sql: [`ALTER TABLE ${tableName(model)} REPLICA IDENTITY FULL;`],
            details: {
              ...details,
              replicaIdentity: table.replicaIdentity,
              columns: large.map(({ column }) => column),
            },
          },
        ),
      )
    }
  }
  return findings
}
