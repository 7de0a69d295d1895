import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import type { GeneratorInput } from './datamodel.ts'
import type { Report } from './report.ts'
import { readString, type SchemaText } from './schema-text.ts'

/**
 * The folder to write into. It is a problem if it is another generator's, or lies inside or around it:
 * Prisma Client deletes TypeScript files below its own output on each run.
 */
export function outputFolder(input: GeneratorInput, text: SchemaText, report: Report): string {
  const where = `generator ${input.generator.name}`
  const output = input.generator.output?.value
  if (output === null || output === undefined) {
    report.problems.push({
      code: 'GENERATOR.INVALID_OPTIONS',
      where,
      found: 'it has no output',
      fix: 'Write output = "../generated/dbsync".',
    })
    return ''
  }
  for (const [name, folder] of otherOutputs(input, text)) {
    if (!contains(folder, output) && !contains(output, folder)) continue
    report.problems.push({
      code: 'GENERATOR.INVALID_OPTIONS',
      where,
      found: `its output overlaps with that of generator ${name}, ${folder}`,
      fix: 'Give each generator a folder of its own, side by side: "../generated/client", "../generated/dbsync".',
    })
  }
  return output
}

/** With `prisma generate --generator dbsync` Prisma names no others, so they are read from the text. */
function otherOutputs(input: GeneratorInput, text: SchemaText): ReadonlyMap<string, string> {
  const { generator } = input
  const base = dirname(generator.sourceFilePath ?? input.schemaPath)
  const outputs = new Map<string, string>()
  for (const [name, properties] of text.generators) {
    const value = readString(properties.get('output') ?? '')
    if (name !== generator.name && value !== undefined) outputs.set(name, resolve(base, value))
  }
  for (const { name, output } of input.otherGenerators) {
    if (typeof output?.value === 'string') outputs.set(name, resolve(output.value))
  }
  return outputs
}

function contains(outer: string, inner: string): boolean {
  const path = relative(outer, inner)
  return path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path)
}
