import { invariant } from '../core/errors.ts'
import { parsePgTypeName } from '../values/pg-type.ts'
import type { OutputIr, QueryIr, SetIr, TypeIr } from './view-ir.ts'

/**
 * The outputs of a query, in order. Those of a set operation are called as its first input's, and are columns
 * without a source, of the type that Postgres finds for all inputs.
 */
export function queryOutputs(query: QueryIr): readonly OutputIr[] {
  if (query.kind === 'select') return query.select
  const [first, ...others] = query.inputs.map(queryOutputs)
  invariant(first !== undefined, 'a set operation without an input')
  return first.map(({ name, expression }, index): OutputIr => {
    const types = others.map((outputs) => outputs[index]?.expression.type ?? expression.type)
    const type = types.reduce((common, next) => commonType(query.kind, common, next), expression.type)
    return { name, expression: { kind: 'column', source: '', field: name, type } }
  })
}

/** NULLs come from any input of UNION, and from the first of the others. */
function commonType(kind: SetIr['kind'], first: TypeIr, next: TypeIr): TypeIr {
  const nullable = kind === 'union' ? first.nullable || next.nullable : first.nullable
  return { ...first, pgType: commonPgType(first.pgType, next.pgType), nullable }
}

/** Texts that differ in length lose it; of `varchar` and `text` the first stays. */
function commonPgType(first: string, next: string): string {
  return first === next ? first : parsePgTypeName(first).base
}
