import { loadavg } from 'node:os'
import { FULL_SIZE, prepareTables, PUBLICATION, QUICK_SIZE, writeBacklog } from './backlog.ts'
import { buildChildren, Child } from './child.ts'
import { benchServer } from './server.ts'
import { WaitingSyncs } from './waiting-syncs.ts'
const mode = process.argv[2]
const base = FULL_SIZE
const size = mode === 'small' ? { ...base, commits: 400_000, largeRows: 0 } : mode === 'large' ? { ...base, commits: 0 } : base
await buildChildren()
await using server = await benchServer()
await prepareTables(server, size)
await using syncs = new WaitingSyncs(server)
const n = 3
for (let i = 0; i < n; i += 1) await syncs.add(`o${i}`)
for (let i = 0; i < n; i += 1) for (const p of ['f', 'l', 'p']) await server.query(`SELECT pg_create_logical_replication_slot('${p}${i}', 'pgoutput')`)
const b = await writeBacklog(server, size)
const show = (w: string, r: any) => console.log(w.padEnd(6), r.seconds.toFixed(2), 's', (r.cpuSeconds / b.changes * 1e6).toFixed(2), 'us/row', (r.sys / b.changes * 1e6).toFixed(2), 'sys', Math.round(r.maxRssBytes / 1e6), 'MB', loadavg()[0]!.toFixed(1))
for (let i = 0; i < n; i += 1) {
  { await using c = new Child('file-side', [server.url, `f${i}`, PUBLICATION, b.end, '/tmp/bench-file']); show('file', await c.run()); await c.ended() }
  { await using c = new Child('lazy-side', [server.url, `l${i}`, PUBLICATION, b.end, '/tmp/bench-file']); show('lazy', await c.run()); await c.ended() }
  { await using c = new Child('parse-side', [server.url, `p${i}`, PUBLICATION, String(b.changes)]); show('parse', await c.run()); await c.ended() }
  show('ours', await syncs.runNext())
}
