import type { TypeIr } from '../../views/view-ir.ts'
import type { StoredColumn, StoredView } from '../view-store.ts'

/** Whether a column of a derived table may hold NULL. A list may where its type is not nullable: Prisma shows that as an empty one. */
export function mayBeNull({ nullable, list: isList }: TypeIr): boolean {
  return nullable || isList
}

/** The columns of a view's key, in its order. */
export function keyColumns({ key, columns }: StoredView): readonly StoredColumn[] {
  return key.flatMap((name) => columns.filter((column) => column.name === name))
}

/** Whether the view's key may hold NULL, so that it is a unique constraint and no primary key. */
export function hasNullableKey(view: StoredView): boolean {
  return keyColumns(view).some(({ type }) => mayBeNull(type))
}
