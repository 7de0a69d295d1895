import { LogicalReplicationService, PgoutputPlugin, type Pgoutput } from 'pg-logical-replication'
import { startClocks, tell, type SideRun } from '../child-message.ts'

// The peer of `cpu`: pg-logical-replication with its own plugin turns every message into an object; nobody uses it.

const [url = '', slot = '', publication = '', changes = '0'] = process.argv.slice(2)
const expected = Number(changes)

const service = new LogicalReplicationService(
  { connectionString: url },
  { acknowledge: { auto: false, timeoutSeconds: 0 } },
)
const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [publication], messages: true })

let stopClocks: () => SideRun = () => {
  throw new Error('a message came before the stream began')
}
let count = 0
let isOver = false

service.on('start', () => {
  stopClocks = startClocks()
})
service.on('data', (_lsn: string, message: Pgoutput.Message) => {
  if (isOver) return
  if (message.tag === 'insert' || message.tag === 'update' || message.tag === 'delete') count += 1
  else if (message.tag === 'commit' && count === expected) {
    tell({ kind: 'done', run: stopClocks() })
    isOver = true
    service.stop().catch(fail)
  } else if (message.tag === 'message' && message.prefix === 'bench') {
    fail(new Error(`the stream had ${count} row changes, not ${expected}`))
  }
})
service.on('error', fail)

function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}

await service.subscribe(plugin, slot)
