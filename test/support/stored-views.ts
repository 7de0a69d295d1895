import type { TypeIr } from '../../src/views/view-ir.ts'
import type { StoredValues, StoredView, ViewStore } from '../../src/stores/view-store.ts'
import type { Lsn } from '../../src/core/lsn.ts'

const type = (scalar: TypeIr['scalar'], pgType: string, nullable = false): TypeIr => ({
  scalar,
  pgType,
  list: false,
  nullable,
})

/** A view with a key of one text, a number and a decimal that may be NULL. */
export const ratings: StoredView = {
  name: 'ratings',
  key: ['id'],
  fingerprint: 'ratings-1',
  columns: [
    { name: 'id', type: type('String', 'text'), rows: null },
    { name: 'visits', type: type('Int', 'bigint'), rows: null },
    { name: 'spent', type: type('Decimal', 'numeric', true), rows: null },
  ],
}

/** A view with a key of two columns, the second first; one of them may be NULL. */
export const visits: StoredView = {
  name: 'visits',
  key: ['place', 'who'],
  fingerprint: 'visits-1',
  columns: [
    { name: 'who', type: type('Int', 'integer'), rows: null },
    { name: 'place', type: type('String', 'text', true), rows: null },
  ],
}

/** A view of one row. */
export const total: StoredView = {
  name: 'total',
  key: [],
  fingerprint: 'total-1',
  columns: [{ name: 'spent', type: type('Decimal', 'numeric', true), rows: null }],
}

/** A batch as a test writes it down. */
export interface Batch {
  readonly kind: 'changes' | 'whole'
  readonly lsn: number
  readonly gone?: readonly (readonly [StoredView, ...StoredValues[]])[]
  readonly rows?: readonly (readonly [StoredView, ...StoredValues[]])[]
}

/** Writes a batch over the views that were opened. */
export async function writeBatch(
  store: ViewStore,
  views: readonly StoredView[],
  { kind, lsn, gone = [], rows = [] }: Batch,
): Promise<void> {
  await store.begin({ kind, views })
  for (const [view, ...keys] of gone) await store.delete(view, keys)
  for (const [view, ...values] of rows) await store.upsert(view, values)
  await store.commit(BigInt(lsn) as Lsn)
}
