import { getTsconfig } from 'get-tsconfig'
import * as z from 'zod'
import { DbsyncError } from '../src/core/errors.ts'

/** The compiler options that say how an import names a file; null takes back what an extended file says. */
const compilerOptionsForm = z.object({
  allowImportingTsExtensions: z.boolean().nullish(),
  rewriteRelativeImportExtensions: z.boolean().nullish(),
  module: z.string().nullish(),
  moduleResolution: z.string().nullish(),
})

/** The compiler options that say how an import names a file. */
export type CompilerOptions = Readonly<z.infer<typeof compilerOptionsForm>>

/**
 * The compiler options of the nearest `tsconfig.json`, in the folder or above it, with those that it extends;
 * undefined if there is none.
 *
 * Throws: GENERATOR.INVALID_OPTIONS if one cannot be read.
 */
export function readTsconfig(folder: string): CompilerOptions | undefined {
  try {
    const found = getTsconfig(folder)
    return found === null ? undefined : compilerOptionsForm.parse(found.config.compilerOptions ?? {})
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error).replace(/\.$/, '')
    throw new DbsyncError(
      'GENERATOR.INVALID_OPTIONS',
      `The tsconfig.json at or above ${folder} cannot be read, from which the extension of imports is inferred: ${reason}. ` +
        'Mend it, or write importFileExtension = "js", or another, in the generator block.',
      { cause: error },
    )
  }
}
