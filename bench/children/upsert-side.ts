import pg from 'pg'
import { tell } from '../child-message.ts'

// The peer of `sink`: rows that are known already, each written by a statement of its own, and a checkpoint with every transaction.

const [url = '', rowsSql = '', table = '', perTransaction = '1', limit = '0'] = process.argv.slice(2)
const client = new pg.Client({ connectionString: url })
await client.connect()
const { rows, fields } = await client.query<(string | null)[]>({
  text: rowsSql,
  rowMode: 'array',
  types: { getTypeParser: () => (value: string) => value },
})
const given = Number(limit) > 0 ? rows.slice(0, Number(limit)) : rows
const [key = '', ...others] = fields.map(({ name }) => `"${name}"`)
const text =
  `INSERT INTO ${table} (${[key, ...others].join(', ')}) VALUES (${fields.map((_, at) => `$${at + 1}`).join(', ')}) ` +
  `ON CONFLICT (${key}) DO UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`
const size = Number(perTransaction)
const startMs = performance.now()
for (let at = 0; at < given.length; at += size) {
  await client.query('BEGIN')
  for (const values of given.slice(at, at + size)) await client.query({ name: 'upsert', text, values })
  await client.query({ name: 'checkpoint', text: 'UPDATE peer_checkpoint SET at = $1', values: [at] })
  await client.query('COMMIT')
}
const seconds = (performance.now() - startMs) / 1000
await client.end()
tell({ kind: 'figures', figures: { perSecond: given.length / seconds } })
