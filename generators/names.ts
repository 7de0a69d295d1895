import type { SchemaContract } from '../src/contract/schema-contract.ts'
import type { Report } from './report.ts'

/** What is appended to a model's name for each of its types; no suffix is the end of another. */
export const MODEL_TYPES = [
  'Row',
  'Key',
  'After',
  'Before',
  'Read',
  'Insert',
  'Update',
  'Delete',
  'Truncate',
  'Change',
  'Handlers',
] as const

/** Names that Prisma lets pass but that generated TypeScript cannot declare, or that it uses itself. */
const RESERVED = new Set(
  `any arguments as asserts bigint boolean constructor eval exports from globalThis infer intrinsic keyof never number object readonly require static
  string symbol undefined unique unknown Date Promise schema`.split(/\s+/),
)

/** Reports every model and enum whose name clashes with something else in the generated file. */
export function checkNames(contract: SchemaContract, report: Report): void {
  const owners = new Map<string, string>([
    ['Change', 'the union of all changes'],
    ['Handlers', 'the handlers of all models'],
  ])
  for (const { model } of contract.models) {
    for (const suffix of MODEL_TYPES) owners.set(`${model}${suffix}`, `a type of the model ${model}`)
  }
  const say = (where: string, found: string): void => {
    report.problems.push({
      code: 'GENERATOR.UNSUPPORTED_SCHEMA',
      where,
      found,
      fix: `Rename it in the schema and keep its name in the database with @@map("…").`,
    })
  }
  for (const { model } of contract.models) {
    if (RESERVED.has(model)) say(model, 'generated TypeScript cannot export this name')
  }
  for (const { name } of contract.enums) {
    const owner = owners.get(name)
    if (owner !== undefined) say(name, `the generated file needs this name for ${owner}`)
    else if (RESERVED.has(name)) say(name, 'generated TypeScript cannot export this name')
  }
}

/** How the generated file calls what it imports: by its own name, with `$` after it where that is taken. */
export function localNames(contract: SchemaContract): (imported: string) => string {
  const taken = new Set([
    ...contract.models.flatMap(({ model }) => [model, ...MODEL_TYPES.map((suffix) => `${model}${suffix}`)]),
    ...contract.enums.map(({ name }) => name),
  ])
  return (imported) => (taken.has(imported) ? `${imported}$` : imported)
}
