import * as z from 'zod'
import type { GeneratorBlock } from './datamodel.ts'
import { nearestName } from './nearest-name.ts'
import type { Report } from './report.ts'
import type { SchemaText } from './schema-text.ts'

const optionsForm = z.strictObject({
  /** The Postgres schema of models and enums that have no `@@schema`. */
  defaultSchema: z.string().min(1, 'it must not be empty').default('public'),
  /** Whether to emit codecs for rows, keys and changes as JSON, in a file of their own. */
  schemas: z.enum(['none', 'zod']).default('none'),
  /** The extension of the generated files. */
  generatedFileExtension: z.enum(['ts', 'mts', 'cts']).default('ts'),
  /** The extension by which generated files import each other, or `""`. By default inferred. */
  importFileExtension: z.enum(['', 'ts', 'mts', 'cts', 'js', 'mjs', 'cjs']).optional(),
  /** Where Prisma's types come from. By default the runtime that all clients share. */
  clientPath: z.string().min(1, 'it must not be empty').optional(),
  /** Names of models; those with `!` before them are left out. */
  models: z
    .union([z.string().transform((name) => [name]), z.array(z.string())])
    .refine((names) => names.length > 0, 'it names no model')
    .optional(),
})

/** A valid value of each option, as one writes it. */
const EXAMPLES: Readonly<Record<string, string>> = {
  defaultSchema: '"app"',
  generatedFileExtension: '"mts"',
  importFileExtension: '"js"',
  clientPath: '"../generated/client"',
  models: '["User", "Post"] or ["!Log"]',
  schemas: '"zod"',
}

/** The options of the generator block, with their defaults. */
export type GeneratorOptions = Readonly<z.infer<typeof optionsForm>>

/** What the contract depends on. */
export type ContractOptions = Partial<GeneratorOptions> & Pick<GeneratorOptions, 'defaultSchema'>

/** Properties that Prisma itself reads; they never reach us, but a user may have meant one of them. */
const PRISMA_PROPERTIES = ['provider', 'output', 'binaryTargets', 'previewFeatures']

/** Every option that the generator block takes beside Prisma's own. */
export const OPTION_NAMES: readonly string[] = Object.keys(optionsForm.shape)

/** Reads the block's options. An unknown one is a problem that names the nearest valid one. */
export function readOptions(block: GeneratorBlock, text: SchemaText, report: Report): GeneratorOptions {
  const where = `generator ${block.name}`
  const say = (found: string, fix: string): void => {
    report.problems.push({ code: 'GENERATOR.INVALID_OPTIONS', where, found, fix })
  }
  const source = text.generators.get(block.name)
  const accepted: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(block.config)) {
    if (!OPTION_NAMES.includes(name)) {
      const nearest = nearestName(name, [...OPTION_NAMES, ...PRISMA_PROPERTIES])
      say(
        `unknown option "${name}"`,
        `Did you mean "${nearest}"? The options are ${[...OPTION_NAMES, 'output'].join(', ')}.`,
      )
    } else if (readsEnvironment(source?.get(name) ?? '')) {
      // Prisma hands over the variable's name, not its value.
      say(`the option "${name}" is read from the environment`, 'Write its value as a string.')
    } else {
      accepted[name] = value
    }
  }
  const form = optionsForm.safeParse(accepted)
  if (form.success) return form.data
  for (const issue of form.error.issues) {
    const name = String(issue.path[0])
    say(
      `the option "${name}" is not valid: ${issue.message}`,
      `Write ${name} = ${EXAMPLES[name]}, for example.`,
    )
  }
  return optionsForm.parse({})
}

/** Whether a right-hand side has `env(…)` in it, outside of strings. */
function readsEnvironment(source: string): boolean {
  return source.replaceAll(/"(?:\\.|[^"\\])*"/g, '').includes('env(')
}
