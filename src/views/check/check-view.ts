import type { Schema } from '../../contract/schema-contract.ts'
import { invariant } from '../../core/errors.ts'
import { checkSelect } from './check-select.ts'
import { checkSet } from './check-set.ts'
import { checkKeyOption, inferKey } from './infer-key.ts'
import { Problems } from './problems.ts'
import type { CheckedQuery } from './query-context.ts'
import { queryOutputs } from '../query-outputs.ts'
import { schemaOf, type RawQuery } from '../build/raw-query.ts'
import type { ViewIr } from '../view-ir.ts'

const VIEW_NAME = /^[a-z_][a-z0-9_]{0,62}$/

/** What a check gives: the algebra and the schema that its tables share. */
export interface CheckedView {
  readonly ir: ViewIr
  readonly schema: Schema
}

/**
 * Turns what the builder collected into algebra, or reports everything that is wrong with it, each problem
 * with its place.
 *
 * Throws: VIEW.INVALID_DEFINITION, VIEW.NOT_EXACT or VIEW.UNSUPPORTED, whichever comes first in the view;
 * `details.problems` has them all.
 */
export function checkView(
  name: string,
  raw: RawQuery,
  keyOption: readonly string[] | undefined,
): CheckedView {
  const problems = new Problems(name)
  if (!VIEW_NAME.test(name)) {
    problems.add(
      'VIEW.INVALID_DEFINITION',
      '',
      'the name of a view must be of the form [a-z_][a-z0-9_]*, at most 63 characters; rename it',
    )
  }
  const schema = schemaOf({ kind: 'query', raw })
  const checked = checkQuery(schema, raw, problems)
  if (checked === null || schema === null) problems.throwIfAny()
  invariant(checked !== null && schema !== null, 'a query was refused without a problem')

  const { ir: query, identity } = checked
  const select = queryOutputs(query)
  const key =
    keyOption === undefined
      ? inferKey(identity, select)
      : checkKeyOption({ problems }, keyOption, identity, select)
  problems.throwIfAny()
  return { ir: { version: 2, name, query, key }, schema }
}

function checkQuery(schema: Schema | null, raw: RawQuery, problems: Problems): CheckedQuery | null {
  const context = {
    schema,
    problems,
    query: (inner: RawQuery, within: Problems) => checkQuery(schema, inner, within),
  }
  return raw.kind === 'select' ? checkSelect(context, raw) : checkSet(context, raw)
}
