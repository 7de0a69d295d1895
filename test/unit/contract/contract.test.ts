import { Decimal } from '@prisma/client/runtime/client'
import { expect, test } from 'vitest'
import { schema } from '../../../generated/dbsync/index.ts'
import { defineSchema } from '../../../src/contract/define-schema.ts'
import { defineTable } from '../../../src/contract/define-table.ts'
import { hashContract, sealContract } from '../../../src/contract/hash-contract.ts'
import { columnOf, enumOf, modelOf } from '../../../src/contract/lookup.ts'
import { parseContract } from '../../../src/contract/parse-contract.ts'
import type { SchemaContract } from '../../../src/contract/schema-contract.ts'

const id = {
  field: 'id',
  column: 'id',
  type: 'Int',
  pgType: 'integer',
  list: false,
  nullable: false,
} as const
const role = { ...id, field: 'role', column: 'role', type: 'Enum', enum: 'Role', pgType: '"Role"' } as const
const model = {
  model: 'A',
  schema: 'public',
  table: 'a',
  columns: [id, role],
  key: ['id'],
  keyIsPrimary: true,
  relations: [{ field: 'self', model: 'A', fields: ['id'], references: ['id'] }],
}
const enumRole = { name: 'Role', schema: 'public', pgName: 'Role', values: [{ name: 'USER', label: 'user' }] }
const contract = sealContract({ version: 1, enums: [enumRole], models: [model] })

test('a valid contract comes back as it is', () => {
  expect(parseContract(structuredClone(contract))).toEqual(contract)
  expect(parseContract(structuredClone(schema.contract))).toEqual(schema.contract)
})

test.for<[string, unknown, string]>([
  ['nothing', undefined, 'contract: '],
  ['another version', { ...contract, version: 2 }, 'version: '],
  ['no hash', { ...contract, hash: '' }, 'hash: expected 64 hex digits'],
  ['a property too many', { ...contract, more: 1 }, 'contract: '],
  ['a wrong kind of value', { ...contract, models: [{ ...model, key: 'id' }] }, 'models.0.key: '],
])('%s is refused with its path', ([, value, path]) => {
  expect(() => parseContract(value)).toThrow(expect.objectContaining({ code: 'CONTRACT.INVALID' }))
  expect(() => parseContract(value)).toThrow(`the generated contract is not valid: ${path}`)
})

const sealed = (changes: Partial<SchemaContract['models'][number]>, enums = [enumRole]): SchemaContract =>
  sealContract({ version: 1, enums, models: [{ ...model, ...changes }] })

test.for<[string, SchemaContract, string]>([
  ['an unknown key field', sealed({ key: ['no'] }), 'models.A.key: names "no"'],
  ['an unknown field of a unique', sealed({ uniques: [['id'], ['no']] }), 'models.A.uniques: names "no"'],
  ['a key field twice', sealed({ key: ['id', 'id'] }), 'models.A.key: "id" is there twice'],
  [
    'a nullable key',
    sealed({ columns: [{ ...id, nullable: true }, role] }),
    'models.A.key: "id" may be null',
  ],
  [
    'a list key',
    sealed({ columns: [{ ...id, list: true }, role] }),
    'models.A.key: "id" may be null or is a list',
  ],
  [
    'a nullable list',
    sealed({ columns: [id, { ...role, list: true, nullable: true }] }),
    'models.A.columns.role',
  ],
  [
    'a field twice',
    sealed({ columns: [id, role, { ...id, column: 'x' }] }),
    'models.A.columns: "id" is there twice',
  ],
  [
    'a column twice',
    sealed({ columns: [id, role, { ...id, field: 'x' }] }),
    'models.A.columns: "id" is there twice',
  ],
  ['an unknown enum', sealed({}, []), 'models.A.columns.role: names the enum "Role"'],
  [
    'an enum on a scalar',
    sealed({ columns: [{ ...id, enum: 'Role' }, role] }),
    'models.A.columns.id: "enum" must',
  ],
  [
    'a relation from an unknown field',
    sealed({ relations: [{ field: 'r', model: 'A', fields: ['no'], references: ['id'] }] }),
    'models.A.relations.r: names "no", which is no column of A',
  ],
  [
    'a relation to an unknown field',
    sealed({ relations: [{ field: 'r', model: 'A', fields: ['id'], references: ['no'] }] }),
    'models.A.relations.r: names "no", which is no column of A',
  ],
  [
    'a relation to an unknown model',
    sealed({ relations: [{ field: 'r', model: 'B', fields: ['id'], references: ['id'] }] }),
    'models.A.relations.r: names "id", which is no column of B',
  ],
  [
    'a relation of unequal sides',
    sealed({ relations: [{ field: 'r', model: 'A', fields: ['id', 'role'], references: ['id'] }] }),
    'models.A.relations.r: "fields" and "references" differ in length',
  ],
  [
    'a label twice',
    sealed({}, [{ ...enumRole, values: [...enumRole.values, { name: 'B', label: 'user' }] }]),
    'enums.Role.values: "user" is there twice',
  ],
  [
    'a model twice',
    sealContract({ version: 1, enums: [enumRole], models: [model, model] }),
    'models: "A" is there',
  ],
])('%s is refused with its path', ([, value, message]) => {
  expect(() => parseContract(value)).toThrow(expect.objectContaining({ code: 'CONTRACT.INVALID' }))
  expect(() => parseContract(value)).toThrow(message)
})

test('a contract that was edited after it was sealed is refused', () => {
  const [first] = contract.models
  const edited = { ...contract, models: [{ ...first, table: 'b' }] }
  expect(() => parseContract(edited)).toThrow(/hash: does not match/)
})

test('the hash ignores the order of properties and follows everything else', () => {
  const { relations, model: name, ...rest } = model
  expect(hashContract({ ...contract, models: [{ relations, ...rest, model: name }] })).toBe(contract.hash)
  expect(hashContract({ ...contract, models: [{ ...model, columns: [role, id] }] })).not.toBe(contract.hash)
  expect(contract.hash).toMatch(/^[0-9a-f]{64}$/)
})

test('a defined schema is frozen to its leaves', () => {
  const defined = defineSchema({ contract: structuredClone(contract), Decimal })
  expect(Object.isFrozen(defined)).toBe(true)
  expect(Object.isFrozen(defined.contract.models[0]?.columns[0])).toBe(true)
  expect(Object.isFrozen(defined.contract.enums[0]?.values)).toBe(true)
})

test('a schema without a Decimal class is refused', () => {
  const parts: { contract: unknown; Decimal: typeof Decimal } = JSON.parse(JSON.stringify({ contract }))
  expect(() => defineSchema(parts)).toThrow(expect.objectContaining({ code: 'CONTRACT.INVALID' }))
})

test('a table handle names its model and refuses another', () => {
  const handle = defineTable<'Visit', unknown, 'userId'>(schema, 'Visit')
  expect(handle).toEqual({ kind: 'table', model: 'Visit', schema })
  expect(Object.isFrozen(handle)).toBe(true)
  expect(() => defineTable(schema, 'Visits')).toThrow(/has no model "Visits"/)
})

test('lookups find by Prisma name and say what is missing', () => {
  const defined = defineSchema({ contract, Decimal })
  expect(modelOf(defined, 'A').table).toBe('a')
  expect(columnOf(modelOf(defined, 'A'), 'role').pgType).toBe('"Role"')
  expect(enumOf(defined, 'Role').pgName).toBe('Role')
  expect(() => columnOf(modelOf(defined, 'A'), 'x')).toThrow(/has no field "A\.x"/)
  expect(() => enumOf(defined, 'x')).toThrow(/has no enum "x"/)
})
