import type { GeneratorInput } from './datamodel.ts'
import { nearestName } from './nearest-name.ts'
import type { Report } from './report.ts'

/** Which models the option `models` asks for. */
export interface PickedModels {
  /** Whether a model of the schema is in. */
  has(model: string): boolean
  /** Whether the table of a relation is in: if it is named, else with the models of both ends. */
  hasJoin(join: string, ends: readonly string[]): boolean
  /** Whether all are in. */
  readonly isAll: boolean
}

/**
 * Reads the option `models`: names, of which those with `!` before them are left out; if there are others, only
 * they are in. No list: all are in.
 */
export function pickModels(models: readonly string[] | undefined): PickedModels {
  const without = new Set(models?.filter((name) => name.startsWith('!')).map((name) => name.slice(1)))
  const only = new Set(models?.filter((name) => !name.startsWith('!')))
  const has = (model: string): boolean => !without.has(model) && (only.size === 0 || only.has(model))
  return {
    has,
    hasJoin: (join, ends) => !without.has(join) && (only.has(join) || ends.every(has)),
    isAll: models === undefined,
  }
}

/** Reports every name of the option that the schema does not have, with the nearest of those that it has. */
export function checkPicked(
  models: readonly string[] | undefined,
  known: readonly string[],
  { generator }: GeneratorInput,
  report: Report,
): void {
  for (const entry of models ?? []) {
    const name = entry.replace('!', '')
    if (known.includes(name)) continue
    report.problems.push({
      code: 'GENERATOR.INVALID_OPTIONS',
      where: `generator ${generator.name}`,
      found: `the option "models" names "${name}", which the schema does not have`,
      fix: known.length === 0 ? 'The schema has no models.' : `Did you mean "${nearestName(name, known)}"?`,
    })
  }
}
