import { loadavg } from 'node:os'
import type { Bench, Round } from './bench.ts'
import { buildChildren, Child } from './child.ts'

const EXPOSE_GC = ['--expose-gc', '--max-old-space-size=12288']

/** Bytes that a view keeps for each row of its source. */
export const memory: Bench = {
  name: 'memory',
  what: 'bytes per source row of 1 M rows, average by 10 k groups, read once',
  unit: 'bytes',
  goal: { ratio: 0.72, better: 'lower' },
  async run({ quick, log }) {
    log('compiling')
    await buildChildren()
    const rounds: Round[] = []
    const visits = 1_000_000
    const count = quick ? 1 : 3
    for (let index = 0; index < count; index += 1) {
      const [load = 0] = loadavg()
      const ours = await bytesPerRow('ours', visits)
      const peer = await bytesPerRow('map', visits)
      if (ours.checksum !== peer.checksum) throw new Error('the two sides show different views')
      rounds.push({ ours: ours.bytes, peer: peer.bytes, load })
      log(`round ${index + 1} of ${count}`)
    }
    // Tables double: what they take a row is least right before that, and most right after.
    const grown = visits + visits / 10
    const [ours, peer] = [await bytesPerRow('ours', grown), await bytesPerRow('map', grown)]
    return {
      peer: 'a hand-written Map of row objects',
      rounds,
      notes: [
        `heap and array buffers after a forced collection, less those before loading; Node ${process.versions.node}`,
        'the Map keeps of a visit what the view needs: restaurant and rating, by id; with it sums and rows by restaurant',
        `with ${grown.toLocaleString('en-US')} rows, the tables just doubled: ours ${ours.bytes.toFixed(1)}, the Map ${peer.bytes.toFixed(1)} ` +
          `(ratio ${(ours.bytes / peer.bytes).toPrecision(3)})`,
      ],
    }
  },
}

async function bytesPerRow(
  name: 'ours' | 'map',
  visits: number,
): Promise<{ readonly bytes: number; readonly checksum: number }> {
  await using child = new Child('memory-side', [name, String(visits), '10000'], EXPOSE_GC)
  const { bytesPerRow: bytes = Number.NaN, checksum = Number.NaN } = await child.figures()
  await child.ended()
  return { bytes, checksum }
}
