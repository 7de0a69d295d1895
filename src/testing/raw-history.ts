import type { Arbitrary } from 'fast-check'
import { fc } from './fast-check.ts'
import type { ModelForm, RawRow } from './model-form.ts'
import { countOf, type Count } from './count.ts'

/** A statement before it is known what the tables hold. */
export interface RawStatement {
  readonly kind: 'insert' | 'update' | 'delete' | 'move' | 'truncate'
  /** Which model, by its place among the forms. */
  readonly form: number
  /** Which of the rows that are there. */
  readonly target: number
  /** Whether all rows are meant. */
  readonly all: boolean
  /** Whether it is made although the server is expected to refuse it, or to do more than it says. */
  readonly rash: boolean
  readonly row: RawRow
  /** The columns that an update changes, by their place. */
  readonly columns: readonly number[]
}

/** Statements after a savepoint, kept or rolled back. */
export interface RawBlock {
  readonly kind: 'block'
  readonly statements: readonly (RawStatement | RawBlock)[]
  readonly isKept: boolean
}

/** A transaction before it is known what the tables hold. */
export interface RawTransaction {
  readonly statements: readonly (RawStatement | RawBlock)[]
  readonly isRolledBack: boolean
}

/** How often what is chosen. Inserts prevail, since a history begins with empty tables. */
const WEIGHTS: Readonly<Record<RawStatement['kind'], number>> = {
  insert: 30,
  update: 20,
  delete: 10,
  move: 8,
  truncate: 1,
}
const KINDS = ['insert', 'update', 'delete', 'move', 'truncate'] as const
const TARGETS = 9_999

/** One in `n`; false is the simpler one. */
const oneIn = (n: number): Arbitrary<boolean> => fc.nat(n - 1).map((value) => value === n - 1)

/** Transactions over some models. */
export function rawTransactions(
  forms: readonly ModelForm[],
  sizes: { readonly transactions?: Count | undefined; readonly statements?: Count | undefined },
): Arbitrary<RawTransaction[]> {
  const statement = fc.oneof(
    ...forms.flatMap((form, index) =>
      KINDS.map((kind) => ({ weight: WEIGHTS[kind], arbitrary: rawStatement(form, index, kind) })),
    ),
  )
  const block = (of: Arbitrary<RawStatement | RawBlock>): Arbitrary<RawBlock> =>
    fc.record({
      kind: fc.constant('block' as const),
      statements: fc.array(of, countOf(undefined, 3)),
      isKept: fc.boolean(),
    })
  const inner = fc.oneof({ weight: 8, arbitrary: statement }, { weight: 1, arbitrary: block(statement) })
  const item = fc.oneof({ weight: 10, arbitrary: statement }, { weight: 1, arbitrary: block(inner) })
  return fc.array(
    fc.record({
      statements: fc.array(item, countOf(sizes.statements, 5)),
      isRolledBack: oneIn(10),
    }),
    countOf(sizes.transactions, 10),
  )
}

function rawStatement(form: ModelForm, index: number, kind: RawStatement['kind']): Arbitrary<RawStatement> {
  const columns = form.columns.map((_, at) => at)
  return fc.record({
    kind: fc.constant(kind),
    form: fc.constant(index),
    target: fc.nat(TARGETS),
    all: oneIn(12),
    rash: oneIn(kind === 'delete' ? 3 : 12),
    row: form.raw,
    columns: fc.subarray(columns, { minLength: 1 }),
  })
}
