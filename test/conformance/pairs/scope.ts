import { capabilityOf } from '../../../src/views/check/capabilities.ts'
import { queryOutputs } from '../../../src/views/query-outputs.ts'
import type { TypeIr } from '../../../src/views/view-ir.ts'
import { isSortable } from '../../../src/views/check/sortable.ts'
import { viewOf } from './define-spec.ts'
import type { Random } from './random.ts'
import type { ConstantSpec, Exp, Named, Rel } from './spec.ts'
import { models } from './world.ts'

/** A column that a query may use. */
export interface Column {
  /** `a.id`. */
  readonly exp: string
  readonly type: TypeIr
}

/** A relation under its alias, as the generator knows it. */
export interface Source {
  readonly named: Named
  readonly columns: readonly Column[]
  /** What identifies a row; null: a bag. */
  readonly key: readonly Column[] | null
}

/** What stands under an alias. Throws what `defineView` throws for the query. */
export function sourceOf(alias: string, relation: Rel): Source {
  const { fields, key } = fieldsOf(relation)
  const columns = fields.map(({ name, type }): Column => ({ exp: `${alias}.${name}`, type }))
  const named: Named = [alias, relation]
  return {
    named,
    columns,
    key: key === null ? null : columns.filter((_, index) => key.includes(fields[index]?.name ?? '')),
  }
}

interface Fields {
  readonly fields: readonly { readonly name: string; readonly type: TypeIr }[]
  readonly key: readonly string[] | null
}

const FIELDS = new WeakMap<object, Fields>()

function fieldsOf(relation: Rel): Fields {
  if (typeof relation === 'string') {
    const model = models.find((candidate) => candidate.model === relation)
    if (model === undefined) throw new Error(relation)
    const fields = model.columns.map((column) => ({
      name: column.field,
      type: { ...column, scalar: column.type },
    }))
    return { fields, key: model.key }
  }
  const known = FIELDS.get(relation)
  if (known !== undefined) return known
  const { ir } = viewOf('inner', 'view' in relation ? relation.view : relation)
  const fields = queryOutputs(ir.query).map(({ name, expression }) => ({ name, type: expression.type }))
  const found = { fields, key: ir.key }
  FIELDS.set(relation, found)
  return found
}

export const isKey = ({ type }: Column): boolean => capabilityOf(type).key
export const isOrdered = ({ type }: Column): boolean => isSortable(type)
export const isComparable = ({ type }: Column): boolean => capabilityOf(type).equality
export const hasOrder = ({ type }: Column): boolean => capabilityOf(type).order

/** Whether two columns may be compared. */
export function sameFamily(a: Column, b: Column): boolean {
  return capabilityOf(a.type).family === capabilityOf(b.type).family
}

/** A constant of a column's type, out of what rows have too. */
export function constantFor(random: Random, { scalar, pgType }: TypeIr): ConstantSpec {
  switch (scalar) {
    case 'Int':
      return { v: random.pick([-1, 0, 1, 1, 2, 3]) }
    case 'BigInt':
      return { big: random.pick(['0', '1', '2', '9007199254740993']) }
    case 'Decimal':
      return { dec: random.pick(['0', '1.5', '2', '-0.01']) }
    case 'Float':
      return { v: random.pick([0, 0.5, -1.25]) }
    case 'Boolean':
      return { v: random.once(2) }
    case 'Enum':
      return { v: random.pick(['GLAD', 'SAD']) }
    case 'DateTime':
      return {
        date: random.pick([
          '2024-02-29T00:00:00.000Z',
          '2024-03-01T00:00:00.000Z',
          '2024-01-01T00:00:00.000Z',
        ]),
      }
    default:
      return {
        v: random.pick(
          pgType === 'uuid'
            ? ['00000000-0000-0000-0000-00000000000a', 'f0000000-0000-0000-0000-000000000000']
            : ['', 'ann', 'bob', 'Bonn', 'a', 'gold'],
        ),
      }
  }
}

/** A comparison that a column's type allows, with a constant or another column; more often true than not. */
export function comparison(random: Random, columns: readonly Column[]): Exp {
  const left = random.pick(columns.filter(isComparable))
  const others = columns.filter(
    (column) => column !== left && isComparable(column) && sameFamily(column, left),
  )
  const right = others.length > 0 && random.once(4) ? random.pick(others).exp : constantFor(random, left.type)
  const narrow = hasOrder(left) ? ['eq', 'lt', 'lte', 'gt', 'gte'] : ['eq']
  const test: Exp = [random.once(2) ? 'ne' : random.pick(narrow), left.exp, right]
  return left.type.nullable && random.once(3) ? ['or', test, ['isNull', left.exp]] : test
}
