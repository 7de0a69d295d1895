import { readFile } from 'node:fs/promises'
import { getDMMF } from '@prisma/get-dmmf'
import { parseGeneratorInput, type GeneratorInput } from '../../generators/datamodel.ts'

/** What a test may say beside the schema. */
export interface InputOptions {
  readonly config?: Readonly<Record<string, string | readonly string[]>>
  readonly output?: string | null
  readonly others?: Readonly<Record<string, string>>
  readonly provider?: string
}

/** The text of a fixture's schema. */
export function fixture(name: string): Promise<string> {
  return readFile(`test/generator/fixtures/${name}/schema.prisma`, 'utf8')
}

/** A schema with a datasource and these blocks. */
export function schemaOf(blocks: string): string {
  return `datasource db {\n  provider = "postgresql"\n}\n\n${blocks}\n`
}

/** What Prisma would hand to the generator `dbsync` for this schema; throws if Prisma refuses the schema. */
export function inputOf(schema: string, options: InputOptions = {}): GeneratorInput {
  const dmmf = getDMMF({ datamodel: schema })
  if (!('datamodel' in dmmf)) throw new Error(`Prisma refuses the schema: ${String(dmmf.error)}\n${schema}`)
  const output = options.output === undefined ? '/project/generated/dbsync' : options.output
  return parseGeneratorInput({
    generator: {
      name: 'dbsync',
      output: output === null ? null : { value: output },
      config: options.config ?? {},
      sourceFilePath: '/project/prisma/schema.prisma',
    },
    otherGenerators: Object.entries(options.others ?? {}).map(([name, value]) => ({
      name,
      output: { value },
      config: {},
    })),
    datamodel: schema,
    datasources: [{ activeProvider: options.provider ?? 'postgresql' }],
    dmmf,
    schemaPath: '/project/prisma/schema.prisma',
  })
}
