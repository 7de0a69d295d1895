import { parsePgTypeName } from '../../values/pg-type.ts'
import { capabilityOf } from './capabilities.ts'
import { refuse, type CheckScope } from './check-column.ts'
import { checkLimit, checkOrder } from './check-order.ts'
import { checkInnerQuery } from './check-relation.ts'
import type { CheckedQuery, QueryContext } from './query-context.ts'
import { queryOutputs } from '../query-outputs.ts'
import type { RawSet } from '../build/raw-query.ts'
import type { OutputIr, QueryIr, SetIr, TypeIr } from '../view-ir.ts'

/** Checks UNION, INTERSECT and EXCEPT. */
export function checkSet(context: QueryContext, raw: RawSet): CheckedQuery | null {
  const { schema, problems } = context
  const { kind, all } = raw
  const step = all ? 'unionAll' : kind
  if (raw.inputs.length < 2) {
    problems.add('VIEW.INVALID_DEFINITION', step, 'it needs at least two queries')
  }
  const inputs = raw.inputs
    .map((input, index) => checkInnerQuery(context, input, `${step}.${index}`)?.query ?? null)
    .filter((input) => input !== null)
  const [first] = inputs
  if (problems.any || first === undefined || schema === null) return null
  const names = queryOutputs(first).map(({ name }) => name)
  inputs.forEach((input, index) => checkColumns(context, first, input, `${step}.${index}`))
  if (problems.any) return null

  const aligned = inputs.map((input) => inOrder(input, names))
  const bare: SetIr = { kind, all, inputs: aligned, order: [], limit: null }
  const outputs = queryOutputs(bare)
  const columns = outputs.map(({ name, expression }) => ({ field: name, type: expression.type }))
  const scope: CheckScope = {
    schema,
    problems,
    sources: [{ alias: '', name: 'the result', columns, key: null, optional: false }],
  }
  if (!all) checkKept(scope, outputs, step)
  const identity = all ? null : outputs.map(({ expression }) => expression)
  const order = checkOrder(scope, raw.order)
  if (problems.any) return null
  const limit = checkLimit(scope, raw.limit, { order, identity, select: outputs })
  return problems.any ? null : { ir: { ...bare, order, limit }, identity }
}

function checkColumns({ problems }: QueryContext, first: QueryIr, other: QueryIr, place: string): void {
  const [wanted, found] = [queryOutputs(first), queryOutputs(other)]
  for (const { name, expression } of wanted) {
    const match = found.find((output) => output.name === name)
    if (match === undefined) {
      problems.add('VIEW.INVALID_DEFINITION', place, `it has no column "${name}", which the first query has`)
    } else if (commonKind(match.expression.type) !== commonKind(expression.type)) {
      problems.add(
        'VIEW.INVALID_DEFINITION',
        place,
        `its column "${name}" is ${show(match.expression.type)}, that of the first query ${show(expression.type)}; select values of one type, or cast one of them`,
      )
    }
  }
  for (const { name } of found) {
    if (wanted.some((output) => output.name === name)) continue
    problems.add('VIEW.INVALID_DEFINITION', place, `its column "${name}" is not in the first query`)
  }
}

/** Types that a set operation may have in one column; the lengths of texts may differ. */
function commonKind(type: TypeIr): string {
  const { base } = parsePgTypeName(type.pgType)
  const text = type.enum === undefined && (base === 'text' || base === 'character varying')
  const kind = text ? 'text' : type.pgType
  return JSON.stringify([kind, type.scalar, type.enum ?? null, type.list])
}

function show(type: TypeIr): string {
  return `${type.pgType}${type.list ? '[]' : ''}`
}

/** Columns are matched by name, and SQL matches them by place. */
function inOrder(query: QueryIr, names: readonly string[]): QueryIr {
  if (query.kind !== 'select') return { ...query, inputs: query.inputs.map((input) => inOrder(input, names)) }
  const select = names.flatMap((name) => query.select.filter((output) => output.name === name))
  return { ...query, select }
}

function checkKept(scope: CheckScope, outputs: readonly OutputIr[], step: string): void {
  for (const { expression } of outputs) {
    const capability = capabilityOf(expression.type)
    if (!capability.key) refuse(scope, expression, capability, 'told apart', step)
  }
}
