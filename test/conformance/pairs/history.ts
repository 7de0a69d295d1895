import type { ModelContract } from '../../../src/contract/schema-contract.ts'
import type { Random } from './random.ts'
import { DOMAINS, models } from './world.ts'

/**
 * Transactions as lists of SQL texts. A text that fails (a key that is there already) is rolled back by itself; a text
 * may hold several statements, as a rollback to a savepoint does.
 */
export type History = readonly (readonly string[])[]

/** A first transaction that fills the tables, some that change them, and phases that take one table to an edge and back. */
export function randomHistory(random: Random, transactions: number): History {
  const history: string[][] = [fill(random)]
  while (history.length < transactions) {
    if (random.once(6)) history.push(...phases(random))
    // What is deleted cascades: without this the tables run dry.
    else if (random.once(5)) history.push(fill(random))
    else history.push(Array.from({ length: 2 + random.below(4) }, () => statement(random)))
  }
  return history
}

function fill(random: Random): string[] {
  // Teams twice: the second ones may have parents.
  const many = { Team: [9, 9, 9], Person: [18], Badge: [8], Award: [30], Entry: [12] }
  return models.flatMap((model) =>
    (many[model.model as keyof typeof many] ?? []).map((rows) => insert(random, model, rows)),
  )
}

/** What a column refers to, if it does. */
const REFERENCES: Readonly<Record<string, readonly [table: string, column: string]>> = {
  'Team.parentId': ['team', 'id'],
  'Person.teamId': ['team', 'id'],
  'Award.personId': ['person', 'id'],
  'Award.badgeCode': ['badge', 'code'],
}

function valueOf(random: Random, model: ModelContract, field: string): string {
  const domain = DOMAINS[`${model.model}.${field}`]
  if (domain === undefined) throw new Error(`no values for ${model.model}.${field}`)
  return random.pick(domain)
}

function nameOf(model: ModelContract, field: string): string {
  return model.columns.find((column) => column.field === field)?.column ?? field
}

/** Rows at random, without those that refer to nothing. */
function insert(random: Random, model: ModelContract, rows: number): string {
  const names = model.columns.map(({ column }) => column)
  const tuples = Array.from(
    { length: rows },
    () =>
      `(${model.columns.map((column) => `${valueOf(random, model, column.field)}::${typeName(column)}`).join(', ')})`,
  )
  const found = model.columns.flatMap(({ field, column }) => {
    const [table, key] = REFERENCES[`${model.model}.${field}`] ?? []
    return table === undefined
      ? []
      : [`(v.${column} IS NULL OR v.${column} IN (SELECT ${key} FROM ${table}))`]
  })
  const [updated] = random.sample(
    model.columns.filter(({ field }) => !model.key.includes(field)),
    1,
  )
  const conflict =
    rows > 1 || random.once(2) || updated === undefined
      ? 'ON CONFLICT DO NOTHING'
      : `ON CONFLICT (${model.key.map((field) => nameOf(model, field)).join(', ')}) DO UPDATE SET ${updated.column} = excluded.${updated.column}`
  const columns = names.join(', ')
  const where = found.length === 0 ? 'true' : found.join(' AND ')
  return `INSERT INTO ${model.table} (${columns}) SELECT * FROM (VALUES ${tuples.join(', ')}) AS v (${columns}) WHERE ${where} ${conflict}`
}

function typeName({ pgType, list }: ModelContract['columns'][number]): string {
  return list ? `${pgType}[]` : pgType
}

/** Some rows: one by its key, those that share a value, every other one, or all. */
function some(random: Random, model: ModelContract): string {
  const column = random.pick(model.columns.filter(({ list }) => !list))
  switch (random.below(8)) {
    case 0:
      return 'true'
    case 1:
    case 2: {
      const value = valueOf(random, model, column.field)
      return value === 'NULL' ? `${column.column} IS NULL` : `${column.column} = ${value}`
    }
    case 3:
      return `${nameOf(model, model.key.at(-1) ?? '')} > ${valueOf(random, model, model.key.at(-1) ?? '')}`
    default:
      return model.key
        .map((field) => `${nameOf(model, field)} = ${valueOf(random, model, field)}`)
        .join(' AND ')
  }
}

function update(random: Random, model: ModelContract): string {
  const changed = random.sample(
    model.columns.filter(({ field }) => !model.key.includes(field)),
    1 + random.below(2),
  )
  const set = changed.map(({ field, column }) => `${column} = ${targetOf(random, model, field)}`)
  return `UPDATE ${model.table} SET ${set.join(', ')} WHERE ${some(random, model)}`
}

/** A value that the column may be given: of a reference only what is there. */
function targetOf(random: Random, model: ModelContract, field: string): string {
  const value = valueOf(random, model, field)
  const [table, key] = REFERENCES[`${model.model}.${field}`] ?? []
  return table === undefined ? value : `(SELECT ${key} FROM ${table} WHERE ${key} = ${value})`
}

/** A key that changes; references follow, and where the key is taken nothing happens. */
function move(random: Random, model: ModelContract): string {
  const field = random.pick(model.key)
  return `UPDATE ${model.table} SET ${nameOf(model, field)} = ${valueOf(random, model, field)} WHERE ${some(random, model)}`
}

/** Two keys change places, by way of a third. */
function swap(random: Random, model: ModelContract): string {
  const field = model.key.at(-1) ?? ''
  const name = nameOf(model, field)
  const [a = '1', b = '2'] = random.sample(DOMAINS[`${model.model}.${field}`] ?? [], 2)
  const isText = a.startsWith("'")
  const [first] = model.key
  const same =
    model.key.length === 1 || first === undefined
      ? ''
      : ` AND ${nameOf(model, first)} = ${valueOf(random, model, first)}`
  const free = isText ? "'~'" : '-1'
  return [
    [free, a],
    [a, b],
    [b, free],
  ]
    .map(([to, from]) => `UPDATE ${model.table} SET ${name} = ${to} WHERE ${name} = ${from}${same}`)
    .join('; ')
}

function statement(random: Random): string {
  const model = random.pick(models)
  switch (random.below(16)) {
    case 0:
    case 1:
    case 2:
      return insert(random, model, 1)
    case 3:
      return insert(random, model, 2 + random.below(4))
    case 4:
      return insert(random, model, 6)
    case 5:
      return `DELETE FROM ${model.table} WHERE ${some(random, model)}`
    case 6:
    case 7:
      return move(random, model)
    case 8:
      return model.model === 'Award' ? move(random, model) : swap(random, model)
    case 9:
      return random.once(5) ? `TRUNCATE ${model.table} CASCADE` : update(random, model)
    case 10:
      return `SAVEPOINT back; ${[0, 1].map(() => plain(random)).join('; ')}; ROLLBACK TO SAVEPOINT back`
    case 11:
      return `SAVEPOINT stays; ${plain(random)}; RELEASE SAVEPOINT stays; ${plain(random)}`
    default:
      return update(random, model)
  }
}

function plain(random: Random): string {
  const model = random.pick(models)
  return random.pick([
    insert(random, model, 1),
    update(random, model),
    `DELETE FROM ${model.table} WHERE ${some(random, model)}`,
  ])
}

/** Removes all rows, adds them back, gives every column another value, and edits them back; each in its transaction. */
function phases(random: Random): string[][] {
  const model = random.pick(models)
  const leaves: Readonly<Record<string, string>> = { Person: 'award', Badge: 'award' }
  const leaf = leaves[model.model]
  const tables =
    model.model === 'Team'
      ? ['team', 'person', 'award']
      : [model.table, ...(leaf === undefined ? [] : [leaf])]
  const edited = model.columns.filter(({ field }) => !model.key.includes(field))
  const names = edited.map(({ column }) => column)
  const values = edited.map(({ field }) => targetOf(random, model, field))
  const same = model.key.map(
    (field) => `${model.table}.${nameOf(model, field)} = kept_${model.table}.${nameOf(model, field)}`,
  )
  return [
    [
      ...tables.map(
        (table) =>
          `DROP TABLE IF EXISTS kept_${table}; CREATE TEMP TABLE kept_${table} AS SELECT * FROM ${table}`,
      ),
      `DELETE FROM ${model.table}`,
    ],
    tables.map((table) => `INSERT INTO ${table} SELECT * FROM kept_${table}`),
    [`UPDATE ${model.table} SET (${names.join(', ')}) = ROW(${values.join(', ')})`],
    [
      `UPDATE ${model.table} SET (${names.join(', ')}) = ROW(${names.map((name) => `kept_${model.table}.${name}`).join(', ')})
        FROM kept_${model.table} WHERE ${same.join(' AND ')}`,
    ],
  ]
}
