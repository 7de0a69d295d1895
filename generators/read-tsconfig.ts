import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import * as z from 'zod'
import { DbsyncError } from '../src/core/errors.ts'

/** The compiler options that say how an import names a file; null takes back what an extended file says. */
const compilerOptionsForm = z.object({
  allowImportingTsExtensions: z.boolean().nullish(),
  rewriteRelativeImportExtensions: z.boolean().nullish(),
  module: z.string().nullish(),
  moduleResolution: z.string().nullish(),
})

const tsconfigForm = z.object({
  extends: z
    .union([z.string().transform((path) => [path]), z.array(z.string())])
    .optional()
    .default([]),
  compilerOptions: compilerOptionsForm.optional().default({}),
})

/** The compiler options that say how an import names a file; null takes back what an extended file says. */
export type CompilerOptions = Readonly<z.infer<typeof compilerOptionsForm>>

/**
 * The compiler options of the nearest `tsconfig.json`, in the folder or above it, with those that it extends;
 * undefined if there is none.
 *
 * Throws: GENERATOR.INVALID_OPTIONS if one cannot be read.
 */
export function readTsconfig(folder: string): CompilerOptions | undefined {
  const path = join(folder, 'tsconfig.json')
  if (existsSync(path)) return optionsOf(path, [])
  return dirname(folder) === folder ? undefined : readTsconfig(dirname(folder))
}

function optionsOf(path: string, from: readonly string[]): CompilerOptions {
  if (from.includes(path)) throw unreadable(path, 'it extends itself')
  const form = tsconfigForm.safeParse(parse(path))
  if (!form.success) throw unreadable(path, z.prettifyError(form.error))
  const bases = form.data.extends.map((base) => optionsOf(locate(base, path), [...from, path]))
  return Object.assign({}, ...bases, form.data.compilerOptions)
}

/** The file that another extends: a path, with or without `.json`, or in a package. */
function locate(base: string, from: string): string {
  if (base.startsWith('.') || isAbsolute(base)) {
    const path = resolve(dirname(from), base)
    return existsSync(path) && path.endsWith('.json') ? path : `${path}.json`
  }
  const { resolve: find } = createRequire(from)
  for (const name of [base, `${base}.json`, `${base}/tsconfig.json`]) {
    try {
      const path = find(name)
      // A package's main may be a module.
      if (path.endsWith('.json')) return path
    } catch {
      // The next name may be there.
    }
  }
  throw unreadable(from, `it extends "${base}", which is not installed`)
}

/** JSON with comments and trailing commas, which are told from those inside of strings. */
function parse(path: string): unknown {
  try {
    const text = readFileSync(path, 'utf8').replace(/^\ufeff/, '')
    const bare = text.replaceAll(/"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (token) =>
      token.startsWith('"') ? token : '',
    )
    return JSON.parse(
      bare.replaceAll(/"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g, (token) => (token === ',' ? '' : token)),
    )
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error))
  }
}

function unreadable(path: string, reason: string): DbsyncError {
  return new DbsyncError(
    'GENERATOR.INVALID_OPTIONS',
    `${path} cannot be read, from which the extension of imports is inferred: ${reason}. ` +
      'Mend it, or write importFileExtension = "js", or another, in the generator block.',
  )
}
