import { expect, test } from 'vitest'
import { ControlSession } from '../../src/postgres/control-session.ts'
import { testDatabase } from '../support/database.ts'

test('questions asked at once are answered one after the other, and node-pg has nothing to warn of', async () => {
  await using db = await testDatabase({ schema: 'empty' })
  const warnings: string[] = []
  const onWarning = (warning: Error): unknown => warnings.push(warning.message)
  process.on('warning', onWarning)
  const control = new ControlSession(db.url)
  const ask = (n: number): Promise<unknown> => control.query('SELECT $1::int::text', [n])
  const several = control.use('count', async (client) => {
    await client.query('CREATE TEMP TABLE n (i int)')
    await new Promise((done) => setTimeout(done, 50))
    const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM n')
    return rows[0]?.n
  })
  const insert = control.query('INSERT INTO n VALUES (1) RETURNING i::text')
  const failing = control.query('SELECT 1/0').catch((error: unknown) => error)
  expect(await Promise.all([ask(1), ask(2), ask(3)])).toEqual([[['1']], [['2']], [['3']]])
  // Nobody comes between the statements of one purpose.
  expect(await several).toBe('0')
  expect(await insert).toEqual([['1']])
  expect(await failing).toMatchObject({ code: 'POSTGRES.QUERY_FAILED' })
  expect(await ask(4)).toEqual([['4']])
  await control.close()
  await expect(ask(5)).rejects.toMatchObject({ code: 'SYNC.CLOSED' })
  await new Promise((done) => setTimeout(done, 10))
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})
