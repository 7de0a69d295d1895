import { Decimal } from '@prisma/client/runtime/client'
import { expect, test, vi } from 'vitest'
import {
  createSync,
  defineSchema,
  defineTable,
  defineView,
  sealContract,
  type AnyChange,
} from 'prisma-dbsync'
import type { ColumnContract, Schema } from '../../src/contract/schema-contract.ts'
import { testDatabase, type TestDatabase } from '../support/database.ts'
import { until } from '../support/faults.ts'
import { everyType } from './fixture.ts'

// Thousands of values a type: minutes on a machine that has other work.
vi.setConfig({ testTimeout: 300_000 })

const column = (field: string, type: 'Int' | 'String', pgType: string): ColumnContract => ({
  field,
  column: field,
  type,
  pgType,
  list: false,
  nullable: false,
})

const notes: Schema = defineSchema({
  Decimal,
  contract: sealContract({
    version: 1,
    enums: [],
    models: [
      {
        model: 'Note',
        schema: 'public',
        table: 'note',
        key: ['id'],
        keyIsPrimary: true,
        relations: [],
        columns: [column('id', 'Int', 'integer'), column('body', 'String', 'text')],
      },
    ],
  }),
})
const Note = defineTable<'Note', { id: number; body: string }, 'id'>(notes, 'Note')
const view = defineView('notes', (q) => q.from({ n: Note }).select(({ n }) => ({ id: n.id, body: n.body })))

/** The bodies by stream, by event and by chunk, after the statements have run. */
async function readBodies(url: string, write: () => Promise<unknown>, count: number): Promise<unknown[][]> {
  const events: AnyChange[] = []
  const slot = new URL(url).pathname.slice(1)
  const handlers = { Note: { insert: (change: AnyChange) => void events.push(change) } }
  await using following = createSync({
    schema: notes,
    connection: url,
    views: { view },
    handlers,
    slot: { name: `s_${slot}` },
  })
  await following.start()
  await write()
  await following.catchUp()
  await until(() => events.length === count)
  await using late = createSync({
    schema: notes,
    connection: url,
    views: { view },
    slot: { name: `late_${slot}` },
  })
  await late.start()
  const bodies = (rows: Iterable<{ id: number; body: string }>): string[] =>
    [...rows].toSorted((a, b) => a.id - b.id).map(({ body }) => body)
  return [
    bodies(following.views.view.rows()),
    events.map((change) => ('after' in change ? (change.after as { body: string }).body : null)),
    bodies(late.views.view.rows()),
  ]
}

/** A database of another encoding on the same server, dropped with `db`. */
async function encoded(
  db: TestDatabase,
  encoding: string,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const name = `${db.name}_${encoding.toLowerCase()}`
  await db.query(`CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0 LOCALE 'C'`)
  const url = new URL(db.url)
  url.pathname = `/${name}`
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await db.query(
        `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${name}'`,
      )
      await db.query(`DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}

test('text of a LATIN1 database comes as Unicode, by every way', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using latin = await encoded(db, 'LATIN1')
  const client = await db.connect({ connectionString: latin.url })
  await client.query('CREATE TABLE note (id int PRIMARY KEY, body text NOT NULL)')
  const bodies = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1))
  const write = (): Promise<unknown> =>
    client.query(
      'INSERT INTO note SELECT ordinality, body FROM unnest($1::text[]) WITH ORDINALITY t (body)',
      [bodies],
    )
  const ways = await readBodies(latin.url, write, bodies.length)
  await client.end()
  expect(ways).toEqual([bodies, bodies, bodies])
})

test('a SQL_ASCII database, whose text may be no Unicode, is refused at the start', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await using ascii = await encoded(db, 'SQL_ASCII')
  const client = await db.connect({ connectionString: ascii.url })
  await client.query('CREATE TABLE note (id int PRIMARY KEY, body text NOT NULL)')
  await client.end()
  const sync = createSync({ schema: notes, connection: ascii.url, views: { view } })
  await expect(sync.start()).rejects.toThrow(/encoding SQL_ASCII.*encoding UTF8/)
  await sync.close()
})

/** Types that Prisma has no field type for: `Unsupported("…")` in a schema, and no column of the contract. */
const UNMAPPED: Readonly<Record<string, readonly [string, string]>> = {
  interval: ["'1 year 2 days 3 hours'", "'-178000000 years'"],
  int4range: ["'empty'", "'[1,)'"],
  tstzrange: ["'(,infinity]'", "'empty'"],
  datemultirange: ["'{}'", "'{[-infinity,2024-01-01)}'"],
  macaddr: ["'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'"],
  cidr: ["'10.0.0.0/8'", "'::/0'"],
  point: ["'(NaN,-0)'", "'(Infinity,1e300)'"],
  tsvector: [`'a:1A ''b c'''`, "''"],
  bytea: ["'\\x00'", "'\\x5c'"],
  'integer[]': ["'[0:1]={1,NULL}'", "'{{1},{2}}'"],
  timestamptz: ["'infinity'", "'4713-01-01 BC'"],
}

test('columns of types that Prisma does not map are passed over, whatever they hold', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const names = Object.keys(UNMAPPED).map((_, index) => `u${index}`)
  const types = Object.keys(UNMAPPED).map((type, index) => `u${index} ${type}`)
  // Before, between and behind the mapped ones.
  await db.query(`CREATE TABLE note (${types.slice(0, 5).join(', ')}, id int PRIMARY KEY, ${types.slice(5, 8).join(', ')},
    body text NOT NULL, ${types.slice(8).join(', ')})`)
  const write = (): Promise<unknown> =>
    db.query(
      [0, 1].map((row) => `INSERT INTO note (id, body, ${names.join(', ')}) VALUES (${row}, 'body ${row}', ${Object.values(UNMAPPED).map((pair) => pair[row]).join(', ')})`).join(';'), // prettier-ignore
    )
  const bodies = ['body 0', 'body 1']
  expect(await readBodies(db.url, write, 2)).toEqual([bodies, bodies, bodies])
})

test('money, whose text and scale depend on the locale, is refused before anything runs', async () => {
  const { withMoney } = await everyType()
  const Everything = defineTable<'Everything', { id: number; money: Decimal }, 'id'>(withMoney, 'Everything')
  expect(() =>
    defineView('paid', (q) => q.from({ t: Everything }).select(({ t }) => ({ id: t.id, money: t.money }))),
  ).toThrow(expect.objectContaining({ code: 'VIEW.NOT_EXACT' }))
  expect(() =>
    createSync({
      schema: withMoney,
      connection: 'postgresql://localhost/x',
      handlers: { Everything: { insert() {} } },
    }),
  ).toThrow(
    expect.objectContaining({
      code: 'VIEW.UNSUPPORTED',
      message: expect.stringMatching(/Everything\.money.*@db\.Decimal/),
    }),
  )
})
