import * as z from 'zod'
import type { GeneratorBlock } from './datamodel.ts'
import type { Report } from './report.ts'
import type { SchemaText } from './schema-text.ts'

const optionsForm = z.strictObject({
  /** The Postgres schema of models and enums that have no `@@schema`. */
  defaultSchema: z.string().min(1, 'it must not be empty').default('public'),
  /** Whether to emit codecs for rows, keys and changes as JSON, in a file of their own. */
  schemas: z.enum(['none', 'zod']).default('none'),
})

/** The options of the generator block, with their defaults. */
export type GeneratorOptions = z.infer<typeof optionsForm>

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
    } else if (source?.get(name)?.startsWith('env(') === true) {
      // Prisma hands over the variable's name, not its value.
      say(`the option "${name}" is read from the environment`, 'Write its value as a string.')
    } else {
      accepted[name] = value
    }
  }
  const form = optionsForm.safeParse(accepted)
  if (form.success) return form.data
  for (const issue of form.error.issues) {
    const name = issue.path.join('.')
    say(`the option "${name}" is not valid: ${issue.message}`, `Write ${name} = "…", one string.`)
  }
  return optionsForm.parse({})
}

/** The candidate with the fewest edits; letter case does not count. */
export function nearestName(name: string, candidates: readonly string[]): string {
  const ranked = candidates.map((candidate) => ({
    candidate,
    distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
  }))
  return ranked.toSorted((a, b) => a.distance - b.distance)[0]?.candidate ?? ''
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [row, letter] of Array.from(a).entries()) {
    const current = [row + 1]
    for (const [column, other] of Array.from(b).entries()) {
      current.push(
        Math.min(
          (previous[column + 1] ?? 0) + 1,
          (current[column] ?? 0) + 1,
          (previous[column] ?? 0) + (letter === other ? 0 : 1),
        ),
      )
    }
    previous = current
  }
  return previous.at(-1) ?? 0
}
