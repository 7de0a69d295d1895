import { readArguments } from './arguments.ts'
import { BENCHES } from './benches.ts'
import { formatJson, formatTable } from './report.ts'

function usage(): string {
  const width = Math.max(...BENCHES.map((bench) => bench.name.length))
  const list = BENCHES.map(({ name, what, goal }) => {
    const sign = goal.better === 'higher' ? '>=' : '<='
    return `  ${name.padEnd(width)}  ${what} (ratio to reach: ${sign} ${goal.ratio})`
  })
  return [
    'npm run bench -- NAME [--quick] [--json]',
    '',
    ...list,
    '',
    '  --quick  less work and fewer rounds: ends within 50 s',
    '  --json   one line: {"bench","ours","peer","ratio","goal"}; ratio = ours / peer',
  ].join('\n')
}

async function main(): Promise<void> {
  const names = BENCHES.map((bench) => bench.name)
  const command = readArguments(process.argv.slice(2), names)
  if (command.kind === 'help') {
    process.stdout.write(`${usage()}\n`)
    return
  }
  if (command.kind === 'refuse') {
    process.stderr.write(`${command.problem}\n\n${usage()}\n`)
    process.exitCode = 2
    return
  }
  const bench = BENCHES.find(({ name }) => name === command.name)
  if (bench === undefined) throw new Error(`no bench ${command.name}`)
  // Figures go to stdout alone, so that they can be piped.
  const measurement = await bench.run({
    quick: command.quick,
    log: (line) => process.stderr.write(`${line}\n`),
  })
  const report = command.json ? formatJson(bench, measurement) : formatTable(bench, measurement)
  process.stdout.write(`${report}\n`)
}

await main()
