import { parseContract } from '../src/contract/parse-contract.ts'
import type { GeneratorInput } from './datamodel.ts'
import { emitContractJson } from './emit-contract.ts'
import { emit } from './emit.ts'
import { emitSchemas } from './emit-schemas.ts'
import { fromDmmf } from './from-dmmf.ts'
import { checkNames } from './names.ts'
import { joinNames } from './join-tables.ts'
import { moduleNames } from './module-names.ts'
import { readOptions } from './options.ts'
import { outputFolder } from './output-folder.ts'
import { checkPicked } from './pick-models.ts'
import type { CompilerOptions } from './read-tsconfig.ts'
import { createReport, throwProblems } from './report.ts'
import { readSchemaText } from './schema-text.ts'

/** What is to be written: file contents by name below `folder`, and what the user should know. */
export interface Generated {
  readonly folder: string
  readonly files: ReadonlyMap<string, string>
  readonly notes: readonly string[]
}

/**
 * Turns what Prisma hands to a generator into files; writes nothing, and reads nothing but by `readTsconfig`, which
 * gets the output folder and by default knows of no tsconfig.json.
 *
 * Throws: GENERATOR.INVALID_OPTIONS or GENERATOR.UNSUPPORTED_SCHEMA, one error that lists every problem.
 */
export function generate(
  input: GeneratorInput,
  readTsconfig: (folder: string) => CompilerOptions | undefined = () => undefined,
): Generated {
  const report = createReport()
  const text = readSchemaText(input.datamodel)
  const options = readOptions(input.generator, text, report)
  const folder = outputFolder(input, text, report)
  for (const { activeProvider } of input.datasources) {
    if (activeProvider === 'postgresql') continue
    report.problems.push({
      code: 'GENERATOR.UNSUPPORTED_SCHEMA',
      where: 'datasource',
      found: `its provider is ${activeProvider}`,
      fix: 'DBSync reads the logical replication of PostgreSQL: provider = "postgresql".',
    })
  }
  const { models } = input.dmmf.datamodel
  const known = [...models.map(({ name }) => name), ...joinNames(models)]
  checkPicked(options.models, known, input, report)
  const documented = fromDmmf(input.dmmf.datamodel, text, options, report)
  checkNames(documented.contract, report)
  throwProblems(report)
  parseContract(documented.contract)
  const names = moduleNames(input, options, text, folder, readTsconfig)
  const files = new Map([
    [`index.${options.generatedFileExtension}`, emit(documented, names.client)],
    ['contract.json', emitContractJson(documented.contract)],
  ])
  if (options.schemas === 'zod') {
    const importExtension = names.importExtension()
    files.set(`schemas.${options.generatedFileExtension}`, emitSchemas(documented, { importExtension }))
  }
  return { folder, files, notes: report.notes }
}
