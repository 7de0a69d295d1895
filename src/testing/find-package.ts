import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * The entry of an optional package: the one that the project in `folder` would get, else the one beside this package. Null where there
 * is none.
 */
export function findPackage(name: string, folder: string): string | null {
  return resolveFrom(join(folder, 'package.json'), name) ?? resolveFrom(import.meta.url, name)
}

/** As {@link findPackage}, as seen from a file alone. */
export function resolveFrom(file: string, name: string): string | null {
  try {
    return createRequire(file).resolve(name)
  } catch {
    return null
  }
}

/** Loads what {@link findPackage} found. The caller names the type of the package, which is not known before. */
export async function loadPackage<Loaded>(entry: string): Promise<Loaded> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an optional package has no static import
  return (await import(pathToFileURL(entry).href)) as Loaded
}
