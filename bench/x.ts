import { readFile } from 'node:fs/promises'
const profile = JSON.parse(await readFile(process.argv[2]!, 'utf8'))
const by = new Map<string, number>()
const node = new Map<number, any>(profile.nodes.map((n: any) => [n.id, n]))
let total = 0
profile.samples.forEach((id: number, i: number) => {
  const n = node.get(id); const d = profile.timeDeltas[i] ?? 0
  if (n.callFrame.functionName === '(idle)') return
  total += d
  const f = n.callFrame.url.replace(/^.*\/\.tmp\/bench\//, '').replace(/^file:\/\/.*node_modules\//, '') || n.callFrame.functionName
  by.set(f, (by.get(f) ?? 0) + d)
})
console.log(total / 1000)
for (const [k, v] of [...by].sort((a, b) => b[1] - a[1]).slice(0, 32)) console.log((v / total * 100).toFixed(1).padStart(5), (v/1000).toFixed(0).padStart(6), k)
// split by time: large transaction = from first sample after last gap? print busy per 0.5s
