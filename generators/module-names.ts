import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import type { GeneratorInput } from './datamodel.ts'
import type { GeneratorOptions } from './options.ts'
import type { CompilerOptions } from './read-tsconfig.ts'
import { readString, type SchemaText } from './schema-text.ts'

/** How the generated files name other modules. */
export interface ModuleNames {
  /** What follows the dot of an import of a generated file; empty for an import without an extension. May read tsconfig.json. */
  readonly importExtension: () => string
  /** The module of the generated Prisma Client, with `Prisma` in it; undefined for the runtime that all clients share. */
  readonly client: string | undefined
}

const JAVASCRIPT: Readonly<Record<string, string>> = { ts: 'js', mts: 'mjs', cts: 'cjs' }

/**
 * Names modules as Prisma's own `prisma-client` does: the import extension is the block's option, else that of
 * the `prisma-client` block, else what the nearest tsconfig.json asks for, else the file's own. `clientPath` that
 * begins with a dot or a slash is a folder, relative to the schema as an output is, or a file if it has an extension.
 */
export function moduleNames(
  input: GeneratorInput,
  options: GeneratorOptions,
  text: SchemaText,
  folder: string,
  readTsconfig: (folder: string) => CompilerOptions | undefined,
): ModuleNames {
  const block = [...text.generators.values()].find(
    (properties) => readString(properties.get('provider') ?? '') === 'prisma-client',
  )
  const sibling = (property: string): string | undefined => readString(block?.get(property) ?? '')
  const extensionOf = (file: string): string =>
    options.importFileExtension ?? sibling('importFileExtension') ?? infer(readTsconfig(folder), file)
  const base = dirname(input.generator.sourceFilePath ?? input.schemaPath)
  return {
    importExtension: () => extensionOf(options.generatedFileExtension),
    client: clientModule(options.clientPath, base, folder, () =>
      extensionOf(sibling('generatedFileExtension') ?? 'ts'),
    ),
  }
}

function clientModule(
  clientPath: string | undefined,
  base: string,
  folder: string,
  extension: () => string,
): string | undefined {
  if (clientPath === undefined || !(clientPath.startsWith('.') || isAbsolute(clientPath))) return clientPath
  const path = relative(folder, resolve(base, clientPath)).replaceAll(sep, '/')
  const module = path.startsWith('.') ? path : `./${path}`
  // A folder's client is its file `client`, for either of Prisma's generators.
  return /\.[cm]?[jt]s$/.test(module) ? module : [`${module}/client`, extension()].filter(Boolean).join('.')
}

function infer(tsconfig: CompilerOptions | undefined, file: string): string {
  if (tsconfig === undefined) return file
  if (tsconfig.allowImportingTsExtensions || tsconfig.rewriteRelativeImportExtensions) return file
  const isBare =
    tsconfig.module?.toLowerCase() === 'commonjs' || tsconfig.moduleResolution?.toLowerCase() === 'bundler'
  return isBare ? '' : (JAVASCRIPT[file] ?? file)
}
