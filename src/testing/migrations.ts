import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type pg from 'pg'
import { DbsyncError } from '../core/errors.ts'

/** One migration of `prisma migrate`. */
export interface Migration {
  /** The name of its folder. */
  readonly name: string
  readonly sql: string
}

const CONFIGS = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map((ending) => `prisma.config.${ending}`)

/**
 * The folder of migrations of the project that `folder` is in: what its `prisma.config` says, as far as it says it by a text alone, else
 * `prisma/migrations`. Throws: TESTING.MIGRATIONS if there is none.
 */
export async function findMigrations(folder: string): Promise<string> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const named = await configuredPath(at)
    const found = [...(named === null ? [] : [named]), 'prisma/migrations']
      .map((path) => resolve(at, path))
      .find((path) => existsSync(path))
    if (found !== undefined) return found
    if (at === dirname(at)) break
  }
  throw new DbsyncError(
    'TESTING.MIGRATIONS',
    `There is no folder prisma/migrations in ${folder} or above it. Make the migrations (prisma migrate dev), or tell testDatabase ` +
      'where they are: migrations: "path/to/migrations"; or give the tables as text: sql: "CREATE TABLE …".',
    { details: { folder } },
  )
}

/** Read as text: the file is code, which may need a loader. */
async function configuredPath(folder: string): Promise<string | null> {
  const config = CONFIGS.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (config === undefined) return null
  const text = await readFile(config, 'utf8')
  return /\bmigrations\s*:\s*\{[^}]*?\bpath\s*:\s*(["'`])([^"'`$]+)\1/.exec(text)?.[2] ?? null
}

/** The migrations of a folder, in order. Throws: TESTING.MIGRATIONS if it cannot be read or has none. */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const migrations: Migration[] = []
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name, 'migration.sql')
      if (!entry.isDirectory() || !existsSync(path)) continue
      migrations.push({ name: entry.name, sql: await readFile(path, 'utf8') })
    }
  } catch (error) {
    throw unreadable(
      folder,
      error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be read',
    )
  }
  if (migrations.length === 0) throw unreadable(folder, 'it has no NAME/migration.sql')
  return migrations.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function unreadable(folder: string, reason: string): DbsyncError {
  return new DbsyncError(
    'TESTING.MIGRATIONS',
    `The migrations of ${folder} cannot be used: ${reason}. Give the folder that prisma migrate writes, or migrations: false.`,
    { details: { folder, reason } },
  )
}

/** Applies migrations in order, each whole or not at all. Throws: TESTING.MIGRATIONS with the name of the one that failed. */
export async function applyMigrations(
  client: pg.ClientBase,
  migrations: readonly Migration[],
): Promise<void> {
  for (const { name, sql } of migrations) {
    try {
      // One simple query, as Prisma sends it: implicitly one transaction.
      await client.query(sql)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new DbsyncError(
        'TESTING.MIGRATIONS',
        `The migration ${name} failed on an empty database: ${reason}. Correct it; prisma migrate deploy would fail as well.`,
        {
          details: {
            migration: name,
            sqlState: error instanceof Error && 'code' in error ? error.code : null,
          },
        },
      )
    }
  }
}
