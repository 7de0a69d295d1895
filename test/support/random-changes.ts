import fc from 'fast-check'
import { mayBeAbsent } from '../../src/contract/may-be-absent.ts'
import type { AnyChange, ColumnContract, ModelContract, Schema } from 'prisma-dbsync'
import { lsn } from '../../src/core/lsn.ts'
import { parsePgTypeName } from '../../src/values/pg-type.ts'

/** Any change that a sync may hand on of a model: every kind, every value that its columns can show. */
export function changesOf(schema: Schema, model: ModelContract): fc.Arbitrary<AnyChange> {
  const isKey = ({ field }: ColumnContract): boolean => model.key.includes(field)
  const rows = record(schema, model.columns, () => false)
  const olds = record(schema, model.columns, (column) => !isKey(column))
  const updates = record(schema, model.columns, (column) => mayBeAbsent(model, column))
  const keyOf = (row: Row): Row => pick(row, model.key)
  const change = (op: string, parts: fc.Arbitrary<Row>): fc.Arbitrary<AnyChange> =>
    fc
      .record({ parts, tx: transactions })
      .map(({ parts: found, tx }) => Object.assign({ model: model.model, op }, found, { tx }) as AnyChange)
  return fc.oneof(
    ...['read', 'insert'].map((op) =>
      change(
        op,
        rows.map((after) => ({ key: keyOf(after), after })),
      ),
    ),
    change(
      'update',
      fc
        .record({
          before: fc.option(olds, { nil: undefined }),
          after: updates,
          changed: fc.option(fc.subarray(model.columns.map(({ field }) => field)), { nil: undefined }),
        })
        .map(({ before, after, changed }) => ({ key: keyOf(after), before, after, changed })),
    ),
    change(
      'delete',
      olds.map((before) => ({ key: keyOf(before), before })),
    ),
    change('truncate', fc.constant({})),
  )
}

type Row = Record<string, unknown>

const transactions = fc.record(
  {
    xid: fc.bigInt(0n, 2n ** 64n - 1n),
    lsn: fc.bigInt(0n, 2n ** 64n - 1n).map(lsn),
    commitTime: fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }),
    seq: fc.nat(),
  },
  { noNullPrototype: true },
)

function record(
  schema: Schema,
  columns: readonly ColumnContract[],
  mayLack: (column: ColumnContract) => boolean,
): fc.Arbitrary<Row> {
  // In pairs: a field may be named `constructor`.
  return fc
    .tuple(
      ...columns.map((column) =>
        mayLack(column) ? fc.option(valuesOf(schema, column), { nil: ABSENT }) : valuesOf(schema, column),
      ),
    )
    .map((values) =>
      Object.fromEntries(
        columns.flatMap(({ field }, index) => (values[index] === ABSENT ? [] : [[field, values[index]]])),
      ),
    )
}

const ABSENT = Symbol('absent')

function pick(row: Row, fields: readonly string[]): Row {
  return Object.fromEntries(fields.map((field) => [field, row[field]]))
}

/** What Prisma Client may return for a column. */
function valuesOf(schema: Schema, column: ColumnContract): fc.Arbitrary<unknown> {
  const element = elementsOf(schema, column)
  if (column.list) return fc.array(element, { maxLength: 3 })
  return column.nullable ? fc.option(element, { nil: null }) : element
}

function elementsOf(schema: Schema, column: ColumnContract): fc.Arbitrary<unknown> {
  const { base, modifiers } = parsePgTypeName(column.pgType)
  switch (column.type) {
    case 'Enum': {
      const found = schema.contract.enums.find(({ name }) => name === column.enum)
      return fc.constantFrom(...(found?.values ?? []).map(({ name }) => name))
    }
    case 'Int':
      if (base === 'smallint') return fc.integer({ min: -0x8000, max: 0x7fff })
      return base === 'oid' ? fc.nat(0xffff_ffff) : fc.integer()
    case 'BigInt':
      return fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)
    case 'Float':
      return fc.oneof(
        { weight: 2, arbitrary: base === 'real' ? fc.float() : fc.double() },
        fc.constantFrom(-0, Number.NaN, Infinity, -Infinity),
      )
    case 'Boolean':
      return fc.boolean()
    case 'Decimal':
      return decimals(base, modifiers).map((text) => new schema.Decimal(text))
    case 'DateTime':
      return dates(base, modifiers[0] ?? 6)
    case 'Json':
      // A zero with a sign is the one number that JSON's text loses.
      return fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)
    case 'Bytes':
      return fc.uint8Array({ maxLength: 40 })
    default:
      return texts(base, modifiers[0])
  }
}

function decimals(base: string, [precision, scale = 0]: readonly number[]): fc.Arbitrary<string> {
  const limit = precision === undefined ? 10n ** 40n : 10n ** BigInt(precision)
  const places = precision === undefined ? fc.nat(base === 'money' ? 2 : 40) : fc.constant(scale)
  const finite = fc.tuple(fc.bigInt(1n - limit, limit - 1n), places).map(([unscaled, digits]) => {
    const text = String(unscaled < 0n ? -unscaled : unscaled).padStart(digits + 1, '0')
    const whole = text.slice(0, text.length - digits)
    return `${unscaled < 0n ? '-' : ''}${whole}${digits === 0 ? '' : `.${text.slice(-digits)}`}`
  })
  if (base === 'money') return finite
  const named = precision === undefined ? ['NaN', 'Infinity', '-Infinity'] : ['NaN']
  return fc.oneof({ weight: 9, arbitrary: finite }, fc.constantFrom(...named))
}

function dates(base: string, digits: number): fc.Arbitrary<Date> {
  const unit = base === 'date' ? 86_400_000 : 10 ** Math.max(3 - digits, 0)
  const between = (from: number, to: number): fc.Arbitrary<Date> =>
    fc.integer({ min: Math.ceil(from / unit), max: Math.floor(to / unit) }).map((at) => new Date(at * unit))
  if (base.startsWith('time ')) return between(0, 86_400_000)
  return between(Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z'))
}

function texts(base: string, size: number | undefined): fc.Arbitrary<string> {
  const limit = size === undefined ? {} : { maxLength: size }
  switch (base) {
    case 'uuid':
      return fc.uuid()
    case 'bit':
    case 'bit varying': {
      const least = base === 'bit' && size !== undefined ? { minLength: size } : {}
      return fc.array(fc.constantFrom('0', '1'), { ...limit, ...least }).map((bits) => bits.join(''))
    }
    case 'character':
      return characters(limit).map((text) => text + ' '.repeat((size ?? 0) - Array.from(text).length))
    default:
      return characters(limit)
  }
}

/** Counted in code points, as Postgres does; it holds no U+0000. */
function characters(limit: { readonly maxLength?: number }): fc.Arbitrary<string> {
  return fc.string({ ...limit, unit: 'binary' }).map((text) => text.replaceAll('\0', ' '))
}
