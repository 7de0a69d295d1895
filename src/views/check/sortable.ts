import { parsePgTypeName } from '../../values/pg-type.ts'
import { type Capability, capabilityOf } from './capabilities.ts'
import type { TypeIr } from '../view-ir.ts'

/** Types whose order a view keeps though `gt` and `lt` do not take them: that of their kept form is Postgres' own. */
const BY_KEPT_FORM = new Set(['uuid', 'boolean', 'bytea'])

/** Whether ORDER BY may use values of a type: their order here is exactly Postgres'. */
export function isSortable(type: Pick<TypeIr, 'pgType' | 'list'> & Partial<TypeIr>): boolean {
  const capability = capabilityOf(type)
  return capability.order || BY_KEPT_FORM.has(sortedBase(type)) || isUnboundNumeric(capability, type)
}

function sortedBase(type: Pick<TypeIr, 'pgType' | 'list'> & Partial<TypeIr>): string {
  return type.list || type.enum !== undefined ? '' : parsePgTypeName(type.pgType).base
}

/** Only the values that are equal and print differently are a trouble, and an order does not show them. */
function isUnboundNumeric({ family }: Capability, { list }: Pick<TypeIr, 'list'>): boolean {
  return family === 'number' && !list
}
