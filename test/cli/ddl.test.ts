import { expect, test } from 'vitest'
import { runHere } from '../support/cli.ts'
import { testDatabase } from '../support/database.ts'
import { workspace } from '../support/workspace.ts'

const RATING_MODEL = `/// Kept by DBSync from the view restaurant_rating: to be read, never written.
model RestaurantRating {
  id     String   @id(map: "restaurant_rating_72930b1c_pkey") @db.VarChar(255)
  name   String   @db.VarChar(255)
  visits BigInt
  rating Float?
  spent  Decimal? @db.Decimal

  @@map("restaurant_rating")
  @@schema("answers")
}`

test('ddl prints the tables of the views of a module, as SQL that a server takes and as Prisma models', async () => {
  await using space = await workspace()
  await space.write('views.js', "export * from '../../examples/views.ts'")
  const run = (...args: readonly string[]) =>
    runHere(['ddl', `${space.path}/views.js`, ...args, '--schema', 'answers'])
  const [sql, prisma, json] = [
    await run('--sql'),
    await run('restaurant_rating', '--prisma'),
    await run('restaurantRating', '--json'),
  ]
  for (const one of [sql, prisma, json]) expect(one).toMatchObject({ code: 0, stderr: '' })
  expect(prisma.stdout.split('\n\n').slice(1).join('\n\n')).toBe(RATING_MODEL)
  expect(prisma.stdout).toMatch(/^\/\/ The datasource has "answers" among its `schemas`/)
  const parsed = JSON.parse(json.stdout) as { tables: { sql: string[] }[] }
  expect(parsed).toMatchObject({
    schema: 'answers',
    tables: [{ view: 'restaurant_rating', prisma: { name: 'RestaurantRating', text: RATING_MODEL } }],
  })
  expect(sql.stdout).toContain(parsed.tables[0]?.sql.join(';'))

  await using db = await testDatabase()
  await db.query(sql.stdout)
  expect(await db.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'answers' ORDER BY 1`)).toEqual([
    { tablename: 'grand_total' },
    { tablename: 'restaurant_rating' },
    { tablename: 'user_spend' },
  ])
})

const MODULE = `
import { defineView } from '../../src/views/define-view.ts'
import { User, Visit } from '../../test/types/fixture.ts'
export const bag = defineView('bag', (q) => q.from({ v: Visit }).select(({ v }) => ({ spent: v.amountSpent })))
export const user = defineView('user', (q) => q.from({ u: User }).select(({ u }) => ({ id: u.id, role: u.role })), { indexes: [['role']] })
`

test('a view that no table can hold is told of, and refused where it is named', async () => {
  await using space = await workspace()
  await space.write('views.js', MODULE)
  await space.write('again.js', `${MODULE}\nexport const other = { ...user }`)
  const module = `${space.path}/views.js`
  const [all, elsewhere, named, twice] = [
    await runHere(['ddl', module]),
    await runHere(['ddl', module, 'user', '--other-database', '--sql']),
    await runHere(['ddl', module, 'bag']),
    await runHere(['ddl', `${space.path}/again.js`, '--sql']),
  ]
  expect(all).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^STORE\.UNSUPPORTED: The view bag cannot be stored/),
  })
  expect(all.stdout).toMatch(
    /"role" "Role" NOT NULL[^]*CREATE INDEX "user_role_\w+_idx" ON "derived"\."user" \("role"\);/,
  )
  // The schema has a model User already.
  expect(all.stdout).toMatch(/model UserView \{\n {2}id {3}Int {2}@id[^]*role Role\n[^]*@@index\(\[role\]/)
  expect(elsewhere).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('"role" text NOT NULL'),
  })
  expect(named).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^STORE\.UNSUPPORTED: /) })
  expect(twice).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/CONFIG\.DUPLICATE_VIEW: Two views are called user/),
  })
  expect(await runHere(['ddl', module, '--sql', '--prisma'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^CONFIG\.INVALID_OPTIONS: /),
  })
})
