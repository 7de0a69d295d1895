import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDbsyncError } from '../../../src/core/errors.ts'
import { xid, xid8 } from '../../../src/core/xid.ts'
import {
  isVisible,
  isVisibleNarrow,
  parseSnapshot,
  seesAllOf,
  type Snapshot,
} from '../../../src/snapshot/visibility.ts'

/** A snapshot as a list of the ids near it that it sees; ids are small enough to write all of them down. */
interface NaiveSnapshot {
  readonly text: string
  readonly sees: (id: bigint) => boolean
  readonly xmin: bigint
  readonly xmax: bigint
}

/** Some ids from `first` on that are given out, some of them still running, as a server would print it. */
const naive = (first: fc.Arbitrary<bigint>): fc.Arbitrary<NaiveSnapshot> =>
  fc.tuple(first, fc.array(fc.boolean(), { maxLength: 12 })).map(([start, running]) => {
    const list = running.flatMap((isRunning, index) => (isRunning ? [start + BigInt(index)] : []))
    const xmax = start + BigInt(running.length)
    const xmin = list[0] ?? xmax
    const seen = new Set<bigint>()
    for (let id = start - 20n; id < xmax; id += 1n) if (!list.includes(id)) seen.add(id)
    return { text: `${xmin}:${xmax}:${list.join(',')}`, sees: (id) => seen.has(id), xmin, xmax }
  })

const LOW = 2n ** 32n
const anywhere = fc.oneof(
  fc.bigInt({ min: 30n, max: 2n ** 45n }),
  // Around both edges of 32 bits.
  fc
    .tuple(fc.bigInt({ min: 1n, max: 5n }), fc.constantFrom(0n, 2n ** 31n), fc.bigInt({ min: -14n, max: 2n }))
    .map(([epoch, base, step]) => epoch * LOW + base + step),
)

test('a snapshot sees what is below xmax and not in its list, by full and by narrow ids', () => {
  fc.assert(
    fc.property(naive(anywhere), ({ text, sees, xmin, xmax }) => {
      const snapshot = parseSnapshot(text)
      expect([snapshot.xmin, snapshot.xmax]).toEqual([xmin, xmax])
      for (let id = xmin - 8n; id < xmax + 8n; id += 1n) {
        expect([id, isVisible(snapshot, xid8(id))]).toEqual([id, sees(id)])
        const narrow = xid(Number(BigInt.asUintN(32, id)))
        expect([id, isVisibleNarrow(snapshot, narrow)]).toEqual([id, sees(id)])
      }
    }),
  )
})

test('narrow ids far from the snapshot are old or new by the shorter way round', () => {
  fc.assert(
    fc.property(
      naive(anywhere),
      fc.bigInt({ min: -(2n ** 31n) + 32n, max: 2n ** 31n - 32n }),
      ({ text, sees, xmin, xmax }, distance) => {
        const id = xmin + distance
        fc.pre(id >= 0n)
        const expected = id < xmin ? true : id >= xmax ? false : sees(id)
        const narrow = xid(Number(BigInt.asUintN(32, id)))
        expect(isVisibleNarrow(parseSnapshot(text), narrow)).toBe(expected)
      },
    ),
  )
})

test('one snapshot sees all of another exactly if it sees each id that the other sees', () => {
  const pair = fc.tuple(naive(fc.bigInt({ min: 30n, max: 40n })), naive(fc.bigInt({ min: 30n, max: 40n })))
  const counts = { yes: 0, no: 0 }
  fc.assert(
    fc.property(pair, ([later, anchor]) => {
      let expected = true
      for (let id = 10n; id < 70n; id += 1n) {
        const inAnchor = id < anchor.xmin || anchor.sees(id)
        const inLater = id < later.xmin || later.sees(id)
        if (inAnchor && !inLater) expected = false
      }
      counts[expected ? 'yes' : 'no'] += 1
      expect(seesAllOf(parseSnapshot(later.text), parseSnapshot(anchor.text))).toBe(expected)
    }),
    { numRuns: 500 },
  )
  expect(Math.min(counts.yes, counts.no)).toBeGreaterThan(20)
})

test('both clauses decide: an invisible commit lies in the list or at xmax and above', () => {
  const snapshot: Snapshot = parseSnapshot('10:20:10,15')
  const invisible = [10n, 15n, 20n, 21n]
  const visible = [9n, 11n, 14n, 16n, 19n]
  expect(invisible.filter((id) => isVisible(snapshot, xid8(id)))).toEqual([])
  expect(visible.filter((id) => !isVisible(snapshot, xid8(id)))).toEqual([])
})

test('what is no snapshot is refused', () => {
  for (const text of ['', '1', '1:2', '1:2:3;4', 'a:b:', '1:2:3\n', ' 1:2:', '-1:2:']) {
    let caught: unknown = null
    try {
      parseSnapshot(text)
    } catch (error) {
      caught = error
    }
    expect([text, isDbsyncError(caught, 'INTERNAL.INVARIANT')]).toEqual([text, true])
  }
})
