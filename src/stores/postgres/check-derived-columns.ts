import { modelOf } from '../../contract/lookup.ts'
import type { ColumnContract, ModelContract } from '../../contract/schema-contract.ts'
import { DbsyncError } from '../../core/errors.ts'
import { parsePgTypeName } from '../../values/pg-type.ts'
import type { ViewDefinition } from '../../views/define-view.ts'
import { queryOutputs } from '../../views/query-outputs.ts'
import type { OutputIr, TypeIr } from '../../views/view-ir.ts'
import { isAssignable, valueType } from './is-assignable.ts'

/** A view that is written into columns of a model. */
export interface DerivedColumns {
  readonly view: ViewDefinition
  /** The model's Prisma name. */
  readonly model: string
  /** By field of the model: the output that is written into it. */
  readonly set: Readonly<Record<string, string>>
}

/** A column of the model's table and the output that belongs to it. */
export interface ColumnPair {
  readonly column: ColumnContract
  readonly output: string
}

/** What is written where, resolved. */
export interface ColumnPlan {
  readonly model: ModelContract
  /** What finds the row, in the order of the model's key. */
  readonly key: readonly ColumnPair[]
  readonly set: readonly ColumnPair[]
}

/**
 * Checks that a view can be written into columns of a model, and says which output goes where. The view's key is the model's: a single
 * column whatever it is called, several by their names.
 *
 * Throws: CONFIG.INVALID_OPTIONS with what does not fit; CONTRACT.INVALID for a model that the schema lacks.
 */
export function planDerivedColumns({ view, model: name, set }: DerivedColumns): ColumnPlan {
  const model = modelOf(view.schema, name)
  const invalid = (found: string): DbsyncError =>
    new DbsyncError('CONFIG.INVALID_OPTIONS', `The view ${view.name}, written into ${name}: ${found}.`, {
      details: { view: view.name, model: name },
    })
  const outputs = queryOutputs(view.ir.query)
  const key = keyPairs(view, model, outputs, invalid)
  const fields = Object.entries(set)
  if (fields.length === 0) throw invalid('it sets no field; name one at least')
  const pairs = fields.map(([field, output]): ColumnPair => {
    const column = model.columns.find((item) => item.field === field)
    if (column === undefined) throw invalid(`the model has no field "${field}"`)
    if (model.key.includes(field))
      throw invalid(`"${field}" is part of the model's key, which tells its rows apart`)
    const expression = outputs.find((item) => item.name === output)?.expression
    if (expression === undefined) {
      throw invalid(
        `the view has no output "${output}"; it has: ${outputs.map((item) => item.name).join(', ')}`,
      )
    }
    const type = valueType(expression)
    if (!isAssignable(type, column)) {
      throw invalid(
        `the output "${output}" is ${show(type)} and the field "${field}" ${show(column)}, which does not hold all its values as they are; ` +
          'cast it in the view, or change the column',
      )
    }
    if (type.nullable && !column.nullable && !column.list) {
      throw invalid(
        `the output "${output}" may be NULL and the field "${field}" may not; use coalesce, or make the field optional`,
      )
    }
    return { column, output }
  })
  return { model, key, set: pairs }
}

function keyPairs(
  { ir }: ViewDefinition,
  model: ModelContract,
  outputs: readonly OutputIr[],
  invalid: (found: string) => DbsyncError,
): readonly ColumnPair[] {
  const { key } = ir
  const wanted = model.key.join(', ')
  if (key === null || key.length !== model.key.length) {
    const found =
      key === null ? 'has no key' : key.length === 0 ? 'has one row' : `has the key ${key.join(', ')}`
    throw invalid(`the view ${found}; it needs one row for each key of the model (${wanted})`)
  }
  return model.key.map((field) => {
    const output = model.key.length === 1 ? key[0] : key.find((name) => name === field)
    if (output === undefined) {
      throw invalid(`the view's key is ${key.join(', ')}; call its parts as the model does: ${wanted}`)
    }
    const type = outputs.find(({ name }) => name === output)?.expression.type
    const column = model.columns.find((item) => item.field === field)
    if (type === undefined || column === undefined || kindOf(type) !== kindOf(column)) {
      throw invalid(
        `the view's key "${output}" is ${type === undefined ? 'no output' : show(type)}, the model's "${field}" ${column === undefined ? 'no column' : show(column)}; they must be of one type`,
      )
    }
    return { column, output }
  })
}

/** Types of one kind have the same equality. */
function kindOf({ pgType, enum: label, list }: Pick<TypeIr, 'pgType' | 'list' | 'enum'>): string {
  const { base } = parsePgTypeName(pgType)
  const isText = label === undefined && (base === 'text' || base === 'character varying')
  return JSON.stringify([isText ? 'text' : base, label ?? null, list])
}

function show({ pgType, list }: Pick<TypeIr, 'pgType' | 'list'>): string {
  return `${pgType}${list ? '[]' : ''}`
}
