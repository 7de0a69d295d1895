import type pg from 'pg'
import type { CatalogTable } from './catalog.ts'
import { advice, problem, type Finding } from './finding.ts'
import type { TableNeed } from './preflight.ts'
import { addTablesSql, createPublicationSql, inspectPublication } from './publication.ts'
import { checkIdentity } from './replica-identity.ts'
import { tableName } from './table-name.ts'

/** Checks a publication: what a sync mends by itself when it starts is a note, what it may not is an error. */
export async function checkPublication(
  client: pg.ClientBase,
  name: string,
  needs: readonly TableNeed[],
  tables: ReadonlyMap<string, CatalogTable>,
  serverVersion: number,
): Promise<readonly Finding[]> {
  // Of a table that is not there preflight speaks.
  const present = needs.filter(({ model }) => tables.has(model.model))
  const { found, problems, missing } = await inspectPublication(client, name, present, serverVersion)
  const ownsTables = missing.every(({ model }) => tables.get(model)?.isOwner === true)
  const unidentified = missing.filter((model) => {
    const table = tables.get(model.model)
    return table !== undefined && checkIdentity(model, table).length > 0
  })
  const order =
    unidentified.length === 0
      ? ''
      : ` First mend the replica identity of ${unidentified.map(tableName).join(', ')}: once published without one, its UPDATEs fail.`
  if (found === null) {
    const parts = { sql: [createPublicationSql(name, missing)], details: { publication: name } }
    const mayCreate = ownsTables && (await mayCreateInDatabase(client))
    const message = `There is no publication "${name}"`
    if (mayCreate) {
      return [
        advice(
          'note',
          'ADVICE.PUBLICATION',
          `${message} yet; a sync creates it when it starts.${order}`,
          parts,
        ),
      ]
    }
    return [
      problem(
        'PUBLICATION.MISSING',
        `${message}, and the role may not create it: that takes CREATE on the database and ownership of every table. ` +
          `Have an owner create it.${order}`,
        parts,
      ),
    ]
  }
  const findings: Finding[] = [...problems]
  const details = { publication: name, owner: found.owner }
  if (found.allTables) {
    findings.push(
      advice(
        'warning',
        'ADVICE.PUBLICATION',
        `Publication "${name}" is FOR ALL TABLES: the stream carries tables that no view uses, and an UPDATE of any table without ` +
          'a primary key fails. Name the tables instead.',
        { details },
      ),
    )
  }
  if (missing.length > 0) {
    const message = `Publication "${name}" lacks ${missing.map(tableName).join(', ')}`
    const parts = {
      sql: [addTablesSql(name, missing)],
      details: { ...details, tables: missing.map(({ table }) => table) },
    }
    findings.push(
      found.isOwner && ownsTables
        ? advice(
            'note',
            'ADVICE.PUBLICATION',
            `${message}; a sync that needs them adds them when it starts.${order}`,
            parts,
          )
        : problem(
            'PUBLICATION.INCOMPLETE',
            `${message}, and the role may not add them. Have its owner do it.${order}`,
            parts,
          ),
    )
  }
  return findings
}

async function mayCreateInDatabase(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ may_create: boolean }>(
    "SELECT has_database_privilege(current_database(), 'CREATE') AS may_create",
  )
  return rows[0]?.may_create === true
}
