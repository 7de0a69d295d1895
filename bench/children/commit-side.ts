import pg from 'pg'
import { nowNs, tell } from '../child-message.ts'

// The writer of `latency`: single-row transactions at a steady rate; notes when each sends its COMMIT.

const [url = '', total = '0', perSecond = '1'] = process.argv.slice(2)
const count = Number(total)
const stepNs = 1e9 / Number(perSecond)
const CONNECTIONS = 8

const times: number[] = Array.from({ length: count }, () => 0)
const idle: pg.Client[] = []
for (let index = 0; index < CONNECTIONS; index += 1) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  // Their locks are no part of what is measured.
  await client.query('SET session_replication_role = replica')
  idle.push(client)
}

async function commit(client: pg.Client, index: number): Promise<void> {
  await client.query(
    `BEGIN; INSERT INTO visit VALUES (${index + 1}, 'r${index}', ${index % 100}, ${(index % 5) + 1})`,
  )
  times[index] = nowNs()
  await client.query('COMMIT')
  idle.push(client)
}

const startNs = nowNs()
let next = 0
let pending: Promise<void>[] = []
while (next < count) {
  // Those that are due; where no connection is free they wait for one.
  while (next < count && startNs + next * stepNs <= nowNs()) {
    const client = idle.pop()
    if (client === undefined) break
    pending.push(commit(client, next))
    next += 1
  }
  await new Promise((resolve) => setTimeout(resolve, 1))
}
await Promise.all(pending)
pending = []
tell({ kind: 'times', times })
await Promise.all(idle.map((client) => client.end()))
