/** Names of types that a Prisma schema has already, and that generated clients declare. */
const RESERVED: ReadonlySet<string> = new Set(
  'BigInt Boolean Bytes DateTime Decimal Float Int Json Prisma PrismaClient String Unsupported'.split(' '),
)

/** A model's name for a view: `restaurant_rating` becomes `RestaurantRating`, with `View` behind it where that is taken. */
export function modelNameOf(view: string, taken: ReadonlySet<string>): string {
  const words = view.split('_').filter((word) => word !== '')
  const joined = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('')
  let name = /^[A-Z]/.test(joined) ? joined : `View${joined}`
  while (taken.has(name) || RESERVED.has(name)) name += 'View'
  return name
}

/**
 * A field's name for each column: its own if Prisma takes it, else one made of its letters and digits that no other has. Prisma Client
 * joins the names of a key's fields to a name in `where`, which no field may have then.
 */
export function fieldNamesOf(
  columns: readonly string[],
  key: readonly string[],
): ReadonlyMap<string, string> {
  const names = new Map(columns.filter(isFieldName).map((column) => [column, column]))
  const taken = new Set(names.keys())
  const name = (column: string, start: string): void => {
    let made = start
    for (let count = 2; taken.has(made); count += 1) made = `${start}${count}`
    taken.add(made)
    names.set(column, made)
  }
  for (const column of columns.filter((one) => !isFieldName(one))) {
    const plain = column.replaceAll(/[^A-Za-z0-9_]+/g, '_').replace(/^[^A-Za-z]+/, '')
    name(column, plain === '' ? 'column' : plain)
  }
  const joined = key.map((column) => names.get(column) ?? column).join('_')
  const clash = key.length < 2 ? undefined : columns.find((column) => names.get(column) === joined)
  if (clash !== undefined) name(clash, joined)
  return names
}

function isFieldName(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_]*$/.test(name)
}
