import type { ColumnContract, Schema } from '../../contract/schema-contract.ts'
import type { IndexColumn } from '../../ivm/row-index.ts'
import { codecFor } from '../../values/codec-for.ts'
import { capabilityOf } from './capabilities.ts'
import type { ViewDefinition } from '../define-view.ts'
import { Problems } from './problems.ts'
import { queryOutputs } from '../query-outputs.ts'
import type { QueryIr, TypeIr, ViewIr } from '../view-ir.ts'

/**
 * Checks the secondary indexes of a view, lists of its outputs whose equality is exact, and returns them.
 *
 * Throws: VIEW.INVALID_DEFINITION, VIEW.NOT_EXACT; `details.problems` lists all.
 */
export function checkIndexes({ name, query }: ViewIr, indexes: unknown): readonly (readonly string[])[] {
  const problems = new Problems(name)
  const types = outputTypes(query)
  const seen = new Set<string>()
  if (!Array.isArray(indexes)) invalid(problems, 'indexes', 'indexes is a list of lists of output names')
  const checked = listOf(indexes).map((index, position) => {
    const place = `indexes.${position}`
    const names = listOf(index).filter((output) => typeof output === 'string')
    if (names.length === 0 || names.length < listOf(index).length) {
      invalid(problems, place, 'an index is a list of one output name at least; name what rows are found by')
      return []
    }
    if (new Set(names).size < names.length) {
      invalid(problems, place, 'an output stands twice in the index; name it once')
    }
    const id = JSON.stringify(names.toSorted())
    if (seen.has(id)) invalid(problems, place, 'the view has this index already; leave it out')
    seen.add(id)
    for (const output of names) checkOutput(problems, place, output, types)
    return names
  })
  problems.throwIfAny()
  return checked
}

function checkOutput(
  problems: Problems,
  place: string,
  output: string,
  types: ReadonlyMap<string, TypeIr>,
): void {
  const type = types.get(output)
  if (type === undefined) {
    invalid(problems, place, `the view has no output "${output}"; it has: ${[...types.keys()].join(', ')}`)
    return
  }
  const capability = capabilityOf(type)
  // A numeric without a scale prints equal values differently, and a Decimal shows them alike.
  if (capability.equality || (capability.family === 'number' && !type.list)) return
  const list = type.list ? '[]' : ''
  problems.add(
    'VIEW.NOT_EXACT',
    place,
    `${output} (${type.pgType}${list}) cannot be indexed exactly: ${capability.reason}`,
  )
}

function invalid(problems: Problems, place: string, message: string): void {
  problems.add('VIEW.INVALID_DEFINITION', place, message)
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The indexes of a view, as the state of the view keeps them. */
export function indexColumnsOf({ ir, indexes, schema }: ViewDefinition): readonly (readonly IndexColumn[])[] {
  const types = outputTypes(ir.query)
  return indexes.map((index) =>
    index.flatMap((name) => {
      const type = types.get(name)
      return type === undefined ? [] : [indexColumn(schema, ir.name, name, type)]
    }),
  )
}

function outputTypes(query: QueryIr): ReadonlyMap<string, TypeIr> {
  return new Map(queryOutputs(query).map(({ name, expression }) => [name, expression.type]))
}

function indexColumn(schema: Schema, view: string, name: string, type: TypeIr): IndexColumn {
  const contract: ColumnContract = { ...type, field: name, column: name, type: type.scalar }
  const codec = codecFor(schema, view, contract)
  if (type.scalar === 'Decimal') {
    return { name, text: (value) => new schema.Decimal(codec.textFromPublic(value)).toFixed() }
  }
  // Equal in SQL, unlike in text.
  return { name, text: (value) => codec.textFromPublic(Object.is(value, -0) ? 0 : value) }
}
