import { RawSession } from '../../src/postgres/raw-session.ts'
import { startClocks, tell } from '../child-message.ts'

// The peer of `hydrate` where there is no psql: reads a COPY and drops it.

const [url = '', copy = ''] = process.argv.slice(2)
const session = await RawSession.connect(url, 'bench', false)
const stopClocks = startClocks()
await session.query(copy)
tell({ kind: 'done', run: stopClocks() })
await session.close()
