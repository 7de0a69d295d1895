import pg from 'pg'
import { tell } from '../child-message.ts'

// The application of `writers`: single-row updates of visits, all of them of one restaurant, as fast as its connections go.

const [url = '', users = '1', milliseconds = '0', connections = '1'] = process.argv.slice(2)

let count = 0
const clients: pg.Client[] = []
for (let index = 0; index < Number(connections); index += 1) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  clients.push(client)
}

/** Its own share of the visits, so that no two connections meet in one. */
async function write(client: pg.Client, index: number, untilMs: number): Promise<void> {
  for (let turn = 0; performance.now() < untilMs; turn += 1) {
    const user = 1 + ((turn * clients.length + index) % Number(users))
    await client.query({
      name: 'write',
      text: "UPDATE visit SET amount_spent = $2, visit_rating = $3 WHERE user_id = $1 AND restaurant_id = 'r0'",
      values: [user, turn % 97, 1 + (turn % 5)],
    })
    count += 1
  }
}

const startMs = performance.now()
const untilMs = startMs + Number(milliseconds)
await Promise.all(clients.map((client, index) => write(client, index, untilMs)))
const seconds = (performance.now() - startMs) / 1000
await Promise.all(clients.map((client) => client.end()))
tell({ kind: 'figures', figures: { perSecond: count / seconds } })
