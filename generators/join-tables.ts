import type { ModelContract } from '../src/contract/schema-contract.ts'
import type { DatamodelField, DatamodelModel } from './datamodel.ts'
import { toColumn, type Context } from './to-column.ts'

/** The hidden table of an implicit many-to-many relation, and the comments of its parts by path. */
export interface JoinTable {
  readonly model: ModelContract
  readonly docs: readonly (readonly [path: string, comment: string])[]
}

/** One end of the relation: the model, and its field that lists the other end's rows. */
interface End {
  readonly model: DatamodelModel
  readonly field: DatamodelField
}

/** Postgres cuts longer names off, and so finds them all the same. */
const MAX_NAME_BYTES = 63

/**
 * The models of the tables that Prisma keeps for many-to-many relations without a model of their own, by
 * name: `_<relation>` with the columns `A` and `B`, which hold the ids of the two models in the order of
 * their names. The key is (A, B); databases that Prisma 5 or earlier made have a unique index there instead
 * of a primary key, which `doctor` tells.
 */
export function joinTables(models: readonly DatamodelModel[], context: Context): readonly JoinTable[] {
  const names = joinNames(models)
  return relationEnds(models)
    .flatMap(([a, b], index) => {
      const name = names[index] ?? ''
      const isIn = context.picked.hasJoin(name, [a.model.name, b.model.name])
      return isIn ? (toJoinTable([a, b], name, context) ?? []) : []
    })
    .toSorted(by(({ model }) => model.model))
}

/**
 * What the models of join tables are called: as the table, which begins with `_` as no other model can. What is no
 * identifier gets `_` for each other character, and a name that is taken a number. `__proto__` as a
 * property of handlers would be their prototype.
 */
export function joinNames(models: readonly DatamodelModel[]): readonly string[] {
  const tables = relationEnds(models).map(([{ field }]) => `_${field.relationName}`)
  const taken = new Set(['__proto__', ...tables.filter(isIdentifier)])
  return tables.map((table) => {
    if (isIdentifier(table)) return table
    const base = table === '__proto__' ? table : table.replaceAll(/[^\w$]/g, '_')
    let name = base
    for (let number = 2; taken.has(name); number++) name = `${base}$${number}`
    taken.add(name)
    return name
  })
}

/** Pairs of list fields that name one relation, A first, in the order of the relations' names. */
function relationEnds(models: readonly DatamodelModel[]): readonly (readonly [End, End])[] {
  const ends = new Map<string, End[]>()
  for (const model of models) {
    for (const field of model.fields) {
      if (field.kind !== 'object' || !field.isList) continue
      const relation = JSON.stringify([field.relationName, ...[model.name, field.type].toSorted()])
      ends.set(relation, [...(ends.get(relation) ?? []), { model, field }])
    }
  }
  return [...ends].toSorted(by(([relation]) => relation)).flatMap(([, pair]) => {
    const [a, b] = pair.toSorted(by(({ model, field }) => `${model.name} ${field.name}`))
    return a === undefined || b === undefined ? [] : [[a, b] as const]
  })
}

function toJoinTable([a, b]: readonly [End, End], name: string, context: Context): JoinTable | undefined {
  const relation = `_${a.field.relationName}`
  const column = (end: End, field: string): ReturnType<typeof toColumn> => {
    const id = end.model.fields.find(({ isId }) => isId)
    return id && toColumn(name, { ...id, name: field, dbName: field }, context)
  }
  const reference = (end: End, field: string): ModelContract['relations'] =>
    end.model.fields
      .filter(({ isId }) => isId && context.picked.has(end.model.name))
      .map((id) => ({ field, model: end.model.name, fields: [field], references: [id.name] }))
  const columns = [column(a, 'A'), column(b, 'B')].flatMap((item) => item ?? [])
  if (columns.length < 2) return undefined
  return {
    model: {
      model: name,
      schema: a.model.schema ?? context.options.defaultSchema,
      table: cutName(relation),
      columns,
      key: ['A', 'B'],
      keyIsPrimary: true,
      relations: [...reference(a, 'A'), ...reference(b, 'B')],
    },
    docs: [
      [name, `The many-to-many relation of ${path(a)} and ${path(b)}.`],
      [`${name}.A`, `The id of the ${a.model.name} that has B in its \`${a.field.name}\`.`],
      [`${name}.B`, `The id of the ${b.model.name} that has A in its \`${b.field.name}\`.`],
    ],
  }
}

function isIdentifier(name: string): boolean {
  return /^_[\w$]*$/.test(name) && name !== '__proto__'
}

/** As Postgres cuts a name: at 63 bytes of UTF-8, never inside a character. */
function cutName(name: string): string {
  let end = ''
  let bytes = 0
  for (const character of name) {
    bytes += Buffer.byteLength(character)
    if (bytes > MAX_NAME_BYTES) break
    end += character
  }
  return end
}

function path({ model, field }: End): string {
  return `${model.name}.${field.name}`
}

function by<T>(text: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (text(a) < text(b) ? -1 : 1)
}
