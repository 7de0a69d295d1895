import { Decimal } from '@prisma/client/runtime/client'
import type pg from 'pg'
import {
  createSync,
  defineSchema,
  defineTable,
  defineView,
  isDbsyncError,
  type Sync,
  type SyncEvent,
  type SyncOptions,
} from 'prisma-dbsync'
import { expect, test } from 'vitest'
import { describeFinding } from '../../src/cli/doctor.ts'
import type { SchemaContract } from '../../src/contract/schema-contract.ts'
import { wholeTable } from '../../src/engine/diagnose.ts'
import { checkDrift } from '../../src/postgres/check-drift.ts'
import { checkEnums } from '../../src/postgres/check-enums.ts'
import type { Finding } from '../../src/postgres/finding.ts'
import { preflight } from '../../src/postgres/preflight.ts'
import { DRIFT_FOLDER, driftContract, driftDatabase } from '../support/contract-drift.ts'
import { DRIFTS } from '../support/contract-drifts.ts'
import { until } from '../support/faults.ts'

async function findingsOf(client: pg.ClientBase, contract: SchemaContract): Promise<readonly Finding[]> {
  const needs = contract.models.map((model) => wholeTable(model))
  const { findings, tables } = await preflight(client, contract, needs)
  return [...findings, ...checkDrift(needs, tables), ...(await checkEnums(client, contract, needs, tables))]
}

test('each way in which a database differs from the contract has its finding and its fix', async () => {
  await using db = await driftDatabase()
  const contract = await driftContract()
  const client = await db.connect()
  expect(await findingsOf(client, contract)).toEqual([])
  const [texts, unmended]: [string[], string[]] = [[], []]
  for (const { what, sql, finds, says = [], isMended = false } of DRIFTS) {
    await client.query(`BEGIN; ${sql}`)
    const findings = await findingsOf(client, contract)
    expect([what, ...findings.map(({ severity, code }) => `${severity} ${code}`)]).toEqual([what, ...finds])
    const messages = findings.map(({ message }) => message).join('\n')
    for (const part of says) expect(messages).toContain(part)
    texts.push([`## ${what}`, ...findings.map((finding) => describeFinding(finding, false))].join('\n'))
    const statements = findings.flatMap((finding) => finding.sql)
    // Whatever is offered as SQL can be run, and if it is said to mend it does.
    for (const statement of statements) await client.query(statement)
    const left = statements.length > 0 ? await findingsOf(client, contract) : findings
    if (isMended && (statements.length === 0 || left.length > 0)) unmended.push(what)
    await client.query('ROLLBACK')
  }
  expect(unmended).toEqual([])
  await expect(`${texts.join('\n\n')}\n`).toMatchFileSnapshot(`${DRIFT_FOLDER}/findings.txt`)
})

const schema = defineSchema({ contract: await driftContract(), Decimal })
const Guest = defineTable<'Guest', { id: number; email: string; mood: string; lastName: string }, 'id'>(
  schema,
  'Guest',
)
const guests = defineView('guests', (q) =>
  q.from({ g: Guest }).select(({ g }) => ({ id: g.id, email: g.email, mood: g.mood })),
)
const names = defineView('names', (q) =>
  q.from({ g: Guest }).select(({ g }) => ({ id: g.id, name: g.lastName })),
)

function guestSync(
  url: string,
  options: Partial<SyncOptions<{ guests: typeof guests; names: typeof names }>> = {},
): { readonly sync: Sync<{ guests: typeof guests; names: typeof names }>; readonly events: SyncEvent[] } {
  const events: SyncEvent[] = []
  const onEvent = (event: SyncEvent): void => void events.push(event)
  const sync = createSync({ schema, connection: url, views: { guests, names }, onEvent, ...options })
  return { sync, events }
}

const warnings = (events: readonly SyncEvent[]): readonly string[] =>
  events.flatMap((event) => (event.kind === 'warning' ? [event.code] : []))

test('a sync starts whatever happened to tables and columns that it does not use, and says nothing of them', async () => {
  await using db = await driftDatabase()
  await db.query(`DROP TABLE booking; DROP INDEX guest_email_key; ALTER TABLE guest DROP balance;
    ALTER TABLE guest ALTER seen_at DROP NOT NULL, ALTER scores TYPE bigint[]; ALTER TABLE guest RENAME first_name TO given`)
  const { sync, events } = guestSync(db.url)
  await using _ = sync
  await sync.start()
  expect(warnings(events)).toEqual([])
})

test('a sync does not start over a table or a column that was renamed or retyped, and its error says how to mend it', async () => {
  await using db = await driftDatabase()
  const refusal = async (): Promise<unknown> => {
    const { sync } = guestSync(db.url)
    await using _ = sync
    return await sync.start().catch((error: unknown) => error)
  }
  await db.query('ALTER TABLE guest RENAME TO guests')
  expect(await refusal()).toMatchObject({
    code: 'CONTRACT.TABLE_MISSING',
    message: expect.stringContaining('@@map("guests") in model Guest'),
    details: { renamedTo: '"public"."guests"' },
  })
  await db.query(`ALTER TABLE guests RENAME TO guest; ALTER TABLE guest RENAME email TO mail;
    ALTER TABLE guest ALTER last_name TYPE varchar(9)`)
  const error = await refusal()
  expect(error).toMatchObject({
    code: 'CONTRACT.COLUMN_MISSING',
    message: expect.stringMatching(
      /@map\("mail"\) at Guest\.email[^]*Also:[^]*character varying\(9\) in the database/,
    ),
    details: {
      findings: [
        { sql: ['ALTER TABLE "public"."guest" RENAME COLUMN "mail" TO "email";'] },
        { code: 'CONTRACT.TYPE_MISMATCH' },
      ],
    },
  })
})

test('a sync warns of a NULL and of a label that may come, and shows neither when it does', async () => {
  await using db = await driftDatabase()
  await db.query(`ALTER TABLE guest ALTER email DROP NOT NULL; ALTER TYPE mood ADD VALUE 'bored'`)
  const read: { email: unknown; nickname: unknown }[] = []
  const emailOf = (row: object): unknown => {
    try {
      return Reflect.get(row, 'email')
    } catch (error) {
      return isDbsyncError(error) ? `${error.code} ${error.message}` : error
    }
  }
  const { sync, events } = guestSync(db.url, {
    handlers: {
      Guest: {
        insert: ({ after }: { after: object }) =>
          void read.push({ email: emailOf(after), nickname: Reflect.get(after, 'nickname') }),
      },
    },
    slot: { durable: false },
  })
  await using _ = sync
  await sync.start()
  expect(warnings(events)).toEqual(['CONTRACT.NULLABILITY', 'CHANGES.UNKNOWN_ENUM_LABEL'])
  // Labels are values of rows, which no event tells.
  expect(JSON.stringify(events)).not.toContain('bored')
  const insert = (id: number, email: string): string =>
    `INSERT INTO guest VALUES (${id}, ${email}, 'f', 'l', NULL, NULL, 'sad', NULL, NULL, NULL, 1, now())`
  await db.query(insert(1, "'a@b'"))
  await sync.catchUp()
  expect([...sync.views.guests.rows()]).toEqual([{ id: 1, email: 'a@b', mood: 'SAD' }])
  await db.query(insert(2, 'NULL'))
  await until(() => read.length === 2)
  const error = /^CHANGES\.UNDECODABLE_VALUE Guest\.email: found NULL .*Make the field optional/
  expect(read).toEqual([
    { email: 'a@b', nickname: null },
    { email: expect.stringMatching(error), nickname: null },
  ])
  await until(() => events.some((event) => event.kind === 'view-failed' && event.view === 'guests'))
  expect(() => [...sync.views.guests.rows()]).toThrow(/Guest\.email: found NULL/)
})
