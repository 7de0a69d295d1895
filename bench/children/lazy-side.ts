import { closeSync, openSync, writeSync } from 'node:fs'
import { parseLsn } from '../../src/core/lsn.ts'
import { RawSession } from '../../src/postgres/raw-session.ts'
import { startClocks, tell } from '../child-message.ts'

// The peer of `drain` where there is no pg_recvlogical: writes the stream to a file and looks at positions alone.

const [url = '', slot = '', publication = '', end = '', file = ''] = process.argv.slice(2)
const target = parseLsn(end)
const output = openSync(file, 'w')
const session = await RawSession.connect(url, 'bench', true)

let isReached = false
let from = -1
let to = -1
let current: Buffer | null = null
let reach: () => void = () => {}
const reached = new Promise<void>((resolve) => {
  reach = resolve
})

session.onCopyData = (buffer, frame, start, stop) => {
  if (isReached) return
  // XLogData and keepalives both begin with a position.
  if (buffer.readBigUInt64BE(start + 1) >= target) {
    isReached = true
    return
  }
  if (from < 0) from = frame
  to = stop
  current = buffer
}
session.onChunkEnd = () => {
  const from0 = from
  if (current !== null) writeSync(output, current, from, to - from)
  from = -1
  current = null
  if (isReached) reach()
  else if (to - from0 < 32768) { session.pause(); setTimeout(() => session.resume(), 2) }
}
await session.startCopyBoth(
  `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', messages 'true', publication_names '${publication}')`,
)
const stopClocks = startClocks()
await reached
tell({ kind: 'done', run: stopClocks() })
closeSync(output)
await session.close()
