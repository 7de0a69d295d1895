import type { CheckScope, ScopeSource } from './check-column.ts'
import type { Problems } from './problems.ts'
import { isTable, modelOfTable, type RawSource } from './query-builder.ts'

/**
 * Checks the tables of FROM and the joins: generated handles, one a step, all of one schema, each once.
 * Null if something is wrong with them; the problems are noted.
 */
export function checkSources(raw: readonly RawSource[], problems: Problems): CheckScope | null {
  const sources: ScopeSource[] = []
  let scope: CheckScope | null = null
  let good = raw.length > 0
  if (!good)
    problems.add('VIEW.INVALID_DEFINITION', 'from', 'the view reads no table; begin with q.from(...)')
  const fail = (code: Parameters<Problems['add']>[0], place: string, message: string): void => {
    problems.add(code, place, message)
    good = false
  }
  for (const { tables, join } of raw) {
    const step = join === null ? 'from' : `${join.kind}Join`
    const entries = typeof tables === 'object' && tables !== null ? Object.entries(tables) : []
    const [entry] = entries
    if (entry === undefined || entries.length > 1) {
      fail(
        'VIEW.INVALID_DEFINITION',
        step,
        `it takes one table under one alias, { r: Restaurant }; it got ${entries.length}`,
      )
      continue
    }
    const [alias, table] = entry
    const place = `${step}.${alias}`
    const model = isTable(table) ? modelOfTable(table) : undefined
    if (!isTable(table) || model === undefined) {
      fail(
        'VIEW.INVALID_DEFINITION',
        place,
        'it is not a table handle of the generated code; import one from there',
      )
      continue
    }
    // The dot is what separates alias and field in the types' paths.
    if (alias === '' || /[.\0]/.test(alias) || Buffer.byteLength(alias) > 63) {
      fail('VIEW.INVALID_DEFINITION', place, 'an alias has 1 to 63 bytes, without dots; choose a plain name')
    } else if (sources.some((source) => source.alias === alias)) {
      fail(
        'VIEW.INVALID_DEFINITION',
        place,
        `the alias "${alias}" is taken by an earlier table; choose another`,
      )
    } else if (sources.some((source) => source.model.model === model.model)) {
      fail(
        'VIEW.UNSUPPORTED',
        place,
        `${model.model} is joined to itself; a table can stand in a view once; define two views`,
      )
    } else if (scope !== null && scope.schema.contract.hash !== table.schema.contract.hash) {
      fail(
        'VIEW.INVALID_DEFINITION',
        place,
        `${model.model} is of another generated schema than the first table; use handles of one schema`,
      )
    }
    sources.push({ alias, model, optional: join?.kind === 'left' })
    scope ??= { schema: table.schema, sources, problems }
  }
  return good ? scope : null
}
