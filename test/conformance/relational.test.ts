import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { compareView, formatDifference } from '../../src/testing/compare-view.ts'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'
import { testDatabase } from '../support/database.ts'
import { StoredMirror } from '../support/stored-mirror.ts'
import { DDL, schema } from '../types/fixture.ts'
import { NESTED, RELATIONAL } from '../unit/views/relational-views.ts'
import { Mirror, type TextRow } from './mirror.ts'

const VIEWS = [...RELATIONAL, ...NESTED]

/** Views whose rows can be told apart. */
const STORED = VIEWS.filter(({ ir }) => ir.key !== null)

const TABLES = { User: 'users', Restaurant: 'restaurant', Visit: 'visit' } as const

/** A small repeatable generator: the seed is printed with every failure. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 0x1_0000_0000) * below)
  }
}

/** A row of a table, of few different values: ties, duplicates and NULLs abound. */
function randomRow(model: keyof typeof TABLES, random: (below: number) => number): TextRow {
  const some = (below: number): string | null => (random(4) === 0 ? null : String(random(below)))
  if (model === 'User') {
    const id = random(5)
    return {
      id: String(id),
      userName: `n${random(3)}`,
      email: `e${random(2)}`,
      dateOfBirth: null,
      interests: null,
      role: 'user',
      active: random(3) === 0 ? 'f' : 't',
    }
  }
  if (model === 'Restaurant')
    return { id: `r${random(5)}`, name: `n${random(3)}`, rating: some(5), tags: null }
  return {
    userId: String(random(5)),
    restaurantId: `r${random(5)}`,
    amountSpent: `${random(9)}.50`,
    visitRating: some(6),
  }
}

test('every relational form answers as Postgres after every transaction of random histories', async () => {
  const seed = Number(process.env['DBSYNC_SEED'] ?? randomInt(1 << 30))
  const random = generator(seed)
  await using db = await testDatabase({ schema: 'empty' })
  const client = await db.connect()
  await client.query(TEXT_SETTINGS)
  await client.query(DDL)
  const mirror = new Mirror(
    schema,
    VIEWS.map(({ ir }) => ir),
    STORED.map(({ ir }) => ir),
  )
  const stored = STORED.flatMap((view) => {
    const pending = mirror.replica.stored.get(view.name)
    return pending === undefined ? [] : [new StoredMirror(view, pending)]
  })
  expect(stored).toHaveLength(STORED.length)
  const rows: Record<keyof typeof TABLES, TextRow[]> = { User: [], Restaurant: [], Visit: [] }
  for (let transaction = 0; transaction < 120; transaction += 1) {
    for (let change = random(6); change >= 0; change -= 1) {
      const model = (['User', 'Restaurant', 'Visit', 'Visit'] as const)[random(4)] ?? 'Visit'
      const { key, columns } = mirror.model(model)
      const row = randomRow(model, random)
      const isSame = (other: TextRow): boolean => key.every((field) => other[field] === row[field])
      const at = rows[model].findIndex(isSame)
      const old = rows[model][at] ?? null
      const isGone = random(3) === 0
      if (isGone && old === null) continue
      mirror.change(model, old, isGone ? null : row)
      const text = (field: string): string | null => row[field] ?? null
      const where = key.map(
        (field) => `"${columns.find((c) => c.field === field)?.column}" = '${text(field)}'`,
      )
      await client.query(`DELETE FROM ${TABLES[model]} WHERE ${where.join(' AND ')}`)
      if (old !== null) rows[model].splice(at, 1)
      if (isGone) continue
      rows[model].push(row)
      await client.query(
        `INSERT INTO ${TABLES[model]} (${columns.map(({ column }) => column).join(', ')}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')})`,
        columns.map(({ field }) => text(field)),
      )
    }
    mirror.replica.flush()
    for (const view of VIEWS) {
      const state = mirror.replica.views.get(view.name)
      const differences = await compareView(view, state?.rows() ?? [], client)
      expect([`seed ${seed}, transaction ${transaction}`, ...differences.map(formatDifference)]).toEqual([
        `seed ${seed}, transaction ${transaction}`,
      ])
    }
    // Several transactions may be one write, and a write may fail.
    if (random(3) === 0) continue
    for (const written of stored) {
      written.write(random(4) === 0)
      expect([seed, ...(await written.compare(client))]).toEqual([seed])
    }
  }
}, 120_000)
