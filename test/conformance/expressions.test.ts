import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { add, divide } from '../../src/views/build/arithmetic.ts'
import { cast } from '../../src/views/build/conditional.ts'
import { gt } from '../../src/views/build/comparisons.ts'
import { defineView } from '../../src/views/define-view.ts'
import { concat, like, substring } from '../../src/views/build/text.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { testDatabase } from '../support/database.ts'
import { CONSTANTS, FILTERED, SELECTED } from './expressions.ts'
import { feed, insertion, literal, NAMES, readItems, type Rows } from './item-rows.ts'
import { COLUMNS, DDL, Item, schema, VALUES } from './item.ts'
import { Mirror, type TextRow } from './mirror.ts'

test('every function of a row answers as Postgres, selected and asked for', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(TEXT_SETTINGS)
  await client.query(DDL)
  const seed = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
  const views = [...SELECTED, ...FILTERED, CONSTANTS]
  const mirror = new Mirror(
    schema,
    views.map(({ ir }) => ir),
  )
  let known: Rows = new Map()
  const compare = async (step: string): Promise<void> => {
    const now = await readItems(client)
    feed(mirror, known, now)
    mirror.replica.flush()
    known = now
    const differences: string[] = []
    for (const view of views) {
      const rows = mirror.replica.views.get(view.name)?.rows() ?? []
      differences.push(...(await compareView(view, rows, client)).map(formatDifference))
    }
    expect(differences.slice(0, 10), `seed ${seed}, ${step}`).toEqual([])
  }
  await compare('empty')
  await client.query(insertion(seed, 0, 80))
  await compare('inserted')
  for (const name of NAMES) {
    const [value = ''] = fc.sample(fc.constantFrom(...(VALUES[name] ?? [])), { numRuns: 1, seed })
    await client.query(
      `UPDATE item SET "${name}" = ${literal(value)} WHERE id % 7 = ${NAMES.indexOf(name) % 7}`,
    )
  }
  await compare('updated')
  await client.query(
    'DELETE FROM item WHERE id % 2 = 0; UPDATE item SET id = id + 1000, int = NULL WHERE id % 3 = 0',
  )
  await compare('deleted')
  await client.query(`DELETE FROM item; ${insertion(seed + 1, 0, 40)}`)
  await compare('all others')
}, 120_000)

/** Expressions and a row for which they have no value. */
const FAILING = [
  [
    'a division by zero',
    { int: '0' },
    '22012',
    defineView('failing', (q) => q.from({ i: Item }).select(({ i }) => ({ id: i.id, x: divide(1, i.int) }))),
  ],
  [
    'an overflow',
    { int: '2147483647' },
    '22003',
    defineView('failing', (q) =>
      q
        .from({ i: Item })
        .where(({ i }) => gt(add(i.int, 1), 5))
        .select(({ i }) => ({ id: i.id })),
    ),
  ],
  [
    'a number that does not fit',
    { amount: '99999.99' },
    '22003',
    defineView('failing', (q) =>
      q.from({ i: Item }).select(({ i }) => ({ id: i.id, x: cast(i.amount, 'numeric(6,2)') })),
    ),
  ],
  [
    'a text that is no number',
    { text: '12x' },
    '22P02',
    defineView('failing', (q) =>
      q.from({ i: Item }).select(({ i }) => ({ id: i.id, x: cast(i.text, 'integer') })),
    ),
  ],
  [
    'a negative length',
    { int: '-1', text: 'secret' },
    '22011',
    defineView('failing', (q) =>
      q.from({ i: Item }).select(({ i }) => ({ id: i.id, x: substring(i.text, 1, i.int) })),
    ),
  ],
  [
    'a pattern that ends with its escape',
    { text: 'secret', name: '\\' },
    '22025',
    defineView('failing', (q) =>
      q
        .from({ i: Item })
        .where(({ i }) => like(i.text, concat('secre', i.name)))
        .select(({ i }) => ({ id: i.id })),
    ),
  ],
  [
    'a null beside an error',
    { int: '0', small: null },
    '22012',
    defineView('failing', (q) =>
      q.from({ i: Item }).select(({ i }) => ({ id: i.id, x: add(i.small, divide(1, i.int)) })),
    ),
  ],
] as const

test.each(FAILING)(
  '%s is an error of the view as it is one of its SQL',
  async (_, values, sqlState, view) => {
    await using db = await testDatabase({ schema: 'empty' })
    await db.query(DDL)
    const row: TextRow = { ...Object.fromEntries(COLUMNS.map((name) => [name, null])), ...values, id: '1' }
    await db.query(
      `INSERT INTO item (${COLUMNS.map((name) => `"${name}"`).join(', ')}) VALUES (${COLUMNS.map((name) => literal(row[name] ?? null)).join(', ')})`,
    )
    await expect(db.query(view.sql)).rejects.toMatchObject({ code: sqlState })
    const mirror = new Mirror(schema, [view.ir])
    mirror.change('Item', null, row)
    mirror.replica.flush()
    const read = (): unknown => [...(mirror.replica.views.get('failing')?.rows() ?? [])]
    const place = expect.stringMatching(/^failing\.(?:where|select\.x)$/)
    expect(read).toThrow(expect.objectContaining({ code: 'VIEW.EVALUATION', details: { sqlState, place } }))
    expect(read).toThrow(expect.objectContaining({ message: expect.not.stringContaining('secret') }))
  },
)
