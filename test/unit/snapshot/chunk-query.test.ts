import { expect, test } from 'vitest'
import { RawSession } from '../../../src/postgres/raw-session.ts'
import { chunkSql, watermarkSql, type ChunkTable } from '../../../src/snapshot/chunk-query.ts'
import { ChunkReader } from '../../../src/snapshot/chunk-reader.ts'
import { copyFields, walkCopyRows } from '../../../src/snapshot/copy-rows.ts'
import type { Chunk } from '../../../src/snapshot/chunk-reader.ts'
import { testDatabase } from '../../support/database.ts'

/** Names and keys that leave every quote that is not doubled. */
const NASTY = `x"; DROP TABLE victim; --'\\`
const KEYS = ["a'", "a''b", 'b\\', `c"; DROP TABLE victim; --`, "d\t\n'; COMMIT; --", 'é🙂'] as const

const TABLE: ChunkTable = {
  model: {
    model: 'Nasty',
    schema: `s ${NASTY}`,
    table: `t ${NASTY}`,
    columns: [],
    key: [],
    keyIsPrimary: true,
    relations: [],
  },
  columns: [`v ${NASTY}`, `k1 ${NASTY}`, 'k2'],
  key: [`k1 ${NASTY}`, 'k2'],
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

test('the lock comes before the snapshot, the snapshot before the rows, the watermark after them', () => {
  const sql = chunkSql(TABLE, { kind: 'after', key: null, limit: 7 }, 'run:1')
  const name = `${quote(TABLE.model.schema)}.${quote(TABLE.model.table)}`
  const columns = TABLE.columns.map(quote).join(', ')
  const steps = [
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ',
    'SET LOCAL row_security = off; ',
    `LOCK TABLE ${name} IN ACCESS SHARE MODE; `,
    'SELECT pg_current_snapshot()::text; ',
    `COPY (SELECT ${columns} FROM ${name} ORDER BY ${quote(`k1 ${NASTY}`)}, "k2" LIMIT 7) TO STDOUT; `,
    'COMMIT; BEGIN; SET LOCAL synchronous_commit = local; ',
    "SELECT pg_logical_emit_message(true, 'dbsync.watermark', 'run:1'); COMMIT",
  ]
  let position = -1
  for (const step of steps) {
    const next = sql.indexOf(step)
    expect([step, next > position]).toEqual([step, true])
    position = next
  }
})

test('hostile names and keys stay names and keys on the server, in every range', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const name = `${quote(TABLE.model.schema)}.${quote(TABLE.model.table)}`
  await db.query(`CREATE SCHEMA ${quote(TABLE.model.schema)}; CREATE TABLE victim ()`)
  await db.query(`CREATE TABLE ${name} (${quote(`k1 ${NASTY}`)} text COLLATE "C", k2 int, ${quote(`v ${NASTY}`)} text,
    PRIMARY KEY (${quote(`k1 ${NASTY}`)}, k2))`)
  for (const [index, key] of KEYS.entries()) {
    await db.query(`INSERT INTO ${name} VALUES ($1, $2, $1)`, [key, index])
  }
  const session = await RawSession.connect(db.url, 'test', false)
  const reader = new ChunkReader(session)
  const inOrder = KEYS.map((key, index) => [key, String(index)] as const).toSorted(([a], [b]) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  for (const [standard, conforming] of [['on'], ['off']].entries()) {
    await session.query(
      `SET escape_string_warning = off; SET standard_conforming_strings = ${conforming.join()}`,
    )
    const seen: (string | null)[][] = []
    let key: readonly string[] | null = null
    let chunk: Chunk
    do {
      chunk = await reader.read(TABLE, { kind: 'after', key, limit: 2 }, reader.nextWatermark())
      walkCopyRows(chunk.spans, (buffer, start, end) => seen.push(copyFields(buffer, start, end)))
      key = chunk.lastKey
    } while (!chunk.isLast)
    expect([standard, seen]).toEqual([standard, inOrder.map(([k, n]) => [k, k, n])])
    const byKeys = await reader.read(
      TABLE,
      { kind: 'keys', keys: [...inOrder, ['none', '1']] },
      reader.nextWatermark(),
    )
    expect(byKeys.rows).toBe(KEYS.length)
    expect(byKeys.isLast).toBe(true)
    const one = await reader.read(TABLE, { kind: 'keys', keys: [["a'", '0']] }, reader.nextWatermark())
    expect([one.rows, one.lastKey]).toEqual([1, ["a'", '0']])
  }
  await session.query(`BEGIN; ${watermarkSql(NASTY)}; COMMIT`)
  await session.close()
  expect(await db.query("SELECT 1 FROM pg_class WHERE relname = 'victim'")).toHaveLength(1)
})

test('a chunk that fails names the table, and the session reads the next one', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  await db.query('CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2)')
  const session = await RawSession.connect(db.url, 'test', false)
  const reader = new ChunkReader(session)
  const model = { ...TABLE.model, schema: 'public', table: 'item' }
  const broken: ChunkTable = { model: { ...model, table: 'gone' }, columns: ['id'], key: ['id'] }
  await expect(
    reader.read(broken, { kind: 'after', key: null, limit: 5 }, reader.nextWatermark()),
  ).rejects.toMatchObject({
    code: 'SNAPSHOT.CHUNK_FAILED',
    message: expect.stringContaining('public.gone'),
  })
  const whole: ChunkTable = { model, columns: ['id'], key: ['id'] }
  const chunk = await reader.read(whole, { kind: 'after', key: null, limit: 5 }, reader.nextWatermark())
  expect([chunk.rows, chunk.lastKey, chunk.isLast]).toEqual([2, ['2'], true])
  const empty = await reader.read(whole, { kind: 'after', key: ['2'], limit: 5 }, reader.nextWatermark())
  expect([empty.rows, empty.lastKey, empty.isLast, empty.spans]).toEqual([0, null, true, []])
  expect(chunk.watermark).not.toBe(empty.watermark)
  await session.close()
})
