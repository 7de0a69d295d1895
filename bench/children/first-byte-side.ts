import { LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication'
import { nowNs, tell } from '../child-message.ts'

// The peer of `latency`: pg-logical-replication hands over bytes; when those of a transaction begin is noted, nothing is parsed.

const [url = '', publication = '', total = '0'] = process.argv.slice(2)
const times: number[] = Array.from({ length: Number(total) }, () => 0)
let left = times.length
let beginNs = 0

/** Returns the bytes as they are; the subscription itself is the package's own. */
class BytesPlugin extends PgoutputPlugin {
  override parse(buffer: Buffer): never {
    return buffer as never
  }
}

const service = new LogicalReplicationService(
  { connectionString: url },
  { acknowledge: { auto: false, timeoutSeconds: 0 } },
)

service.on('start', () => tell({ kind: 'live' }))
service.on('data', (_lsn: string, message: unknown) => {
  const buffer = message as Buffer
  if (buffer[0] === 0x42) beginNs = nowNs()
  if (buffer[0] !== 0x49) return
  // Insert: oid, 'N', the count of columns, then of each 't' and its length; the first one is the transaction's number plus one.
  const length = buffer.readInt32BE(9)
  times[Number(buffer.toString('latin1', 13, 13 + length)) - 1] = beginNs
  left -= 1
  if (left > 0) return
  tell({ kind: 'times', times })
  service.stop().catch(fail)
})
service.on('error', fail)

function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}

await service.subscribe(
  new BytesPlugin({ protoVersion: 1, publicationNames: [publication], messages: true }),
  'peer',
)
