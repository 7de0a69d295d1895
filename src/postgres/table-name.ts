import { quoteIdentifier } from '../core/quote.ts'
import type { ModelContract } from '../contract/schema-contract.ts'

/** The table's qualified, quoted name. */
export function tableName(model: Pick<ModelContract, 'schema' | 'table'>): string {
  return `${quoteIdentifier(model.schema)}.${quoteIdentifier(model.table)}`
}
