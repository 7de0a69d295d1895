import { resolve } from 'node:path'
import type pg from 'pg'
import { applyMigrations, readMigrations } from '../../src/testing/migrations.ts'

/** The running example's. */
export const MIGRATIONS = resolve(import.meta.dirname, '../../prisma/migrations')

/** Applies every committed migration of the running example. */
export async function migrate(client: pg.ClientBase): Promise<void> {
  await applyMigrations(client, await readMigrations(MIGRATIONS))
}
