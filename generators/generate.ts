import { parseContract } from '../src/contract/parse-contract.ts'
import type { GeneratorInput } from './datamodel.ts'
import { emitContractJson } from './emit-contract.ts'
import { emit } from './emit.ts'
import { emitSchemas } from './emit-schemas.ts'
import { fromDmmf } from './from-dmmf.ts'
import { checkNames } from './names.ts'
import { readOptions } from './options.ts'
import { outputFolder } from './output-folder.ts'
import { createReport, throwProblems } from './report.ts'
import { readSchemaText } from './schema-text.ts'

/** What is to be written: file contents by name below `folder`, and what the user should know. */
export interface Generated {
  readonly folder: string
  readonly files: ReadonlyMap<string, string>
  readonly notes: readonly string[]
}

/**
 * Turns what Prisma hands to a generator into files; pure, writes nothing.
 *
 * Throws: GENERATOR.INVALID_OPTIONS or GENERATOR.UNSUPPORTED_SCHEMA, one error that lists every problem.
 */
export function generate(input: GeneratorInput): Generated {
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
  const documented = fromDmmf(input.dmmf.datamodel, text, options, report)
  checkNames(documented.contract, report)
  throwProblems(report)
  parseContract(documented.contract)
  const files = new Map([
    ['index.ts', emit(documented)],
    ['contract.json', emitContractJson(documented.contract)],
  ])
  if (options.schemas === 'zod') files.set('schemas.ts', emitSchemas(documented, { importExtension: 'ts' }))
  return { folder, files, notes: report.notes }
}
