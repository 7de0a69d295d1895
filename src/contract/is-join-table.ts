import type { ModelContract } from './schema-contract.ts'

/** Whether the table is that of a many-to-many relation, which has no model in `schema.prisma`: no other name begins with `_`. */
export function isJoinTable({ model }: Pick<ModelContract, 'model'>): boolean {
  return model.startsWith('_')
}
