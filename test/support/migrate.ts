import { readdir, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type pg from 'pg'

const MIGRATIONS = resolve(import.meta.dirname, '../../prisma/migrations')

/** Applies every committed migration in order, each in one transaction. */
export async function migrate(client: pg.ClientBase, folder = MIGRATIONS): Promise<void> {
  const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  for (const { name } of names.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    await client.query(`BEGIN;\n${await readFile(`${folder}/${name}/migration.sql`, 'utf8')}\nCOMMIT;`)
  }
}
