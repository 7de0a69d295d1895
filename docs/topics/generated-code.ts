/**
 * What generated code is made of. `prisma generate` writes `schema`, a table handle for each model (`Visit`) and its
 * types (`VisitRow`, `VisitKey`, `VisitChange`, `VisitHandlers`); it calls these functions, so that an application
 * need not.
 *
 * @module Generated code
 */
export { defineSchema } from '../../src/contract/define-schema.ts'
export { defineTable } from '../../src/contract/define-table.ts'
export { hashContract, sealContract } from '../../src/contract/hash-contract.ts'
export { parseContract } from '../../src/contract/parse-contract.ts'
export type {
  ColumnContract,
  DecimalConstructor,
  DecimalLike,
  EnumContract,
  ModelContract,
  RelationContract,
  ScalarType,
  Schema,
  SchemaContract,
  Table,
} from '../../src/contract/schema-contract.ts'
