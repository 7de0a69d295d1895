/** Buckets to each doubling: values of one bucket differ by at most a sixteenth. */
const PARTS = 16
const BUCKETS = 40 * PARTS
const BAR = 40
const POWERS = Array.from({ length: 64 }, (_, octave) => 2 ** octave)

/** How often each duration occurred, in nanoseconds; takes no memory while it counts. */
export class Histogram {
  readonly #counts: Float64Array = new Float64Array(BUCKETS)
  #total = 0
  #max = 0

  /** How many durations were recorded. */
  get total(): number {
    return this.#total
  }

  /** The longest one, exactly. */
  get max(): number {
    return this.#max
  }

  /** Counts one duration; those below a nanosecond count as one. */
  record(ns: number): void {
    this.#counts[bucketOf(ns)]! += 1
    this.#total += 1
    if (ns > this.#max) this.#max = ns
  }

  /** What so large a share (0 to 1) of the durations does not exceed, at most a sixteenth too large. Throws if there are none. */
  percentile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#total))
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket]!
      if (seen >= rank && seen > 0) return Math.min(upperEnd(bucket), this.#max)
    }
    throw new Error('a percentile of nothing')
  }

  /** One line for each doubling that occurred: its range, how often, and a bar as long as the logarithm of that. */
  lines(): readonly string[] {
    const rows: { readonly range: string; readonly count: number }[] = []
    for (let octave = 0; octave < BUCKETS / PARTS; octave += 1) {
      let count = 0
      for (let part = 0; part < PARTS; part += 1) count += this.#counts[octave * PARTS + part]!
      if (count > 0) rows.push({ range: `${formatNs(2 ** octave)} to ${formatNs(2 ** (octave + 1))}`, count })
    }
    const width = Math.max(...rows.map(({ range }) => range.length))
    return rows.map(({ range, count }) => {
      const bar = '#'.repeat(Math.max(1, Math.round((Math.log(count + 1) / Math.log(this.#total + 1)) * BAR)))
      return `${range.padStart(width)}  ${count.toLocaleString('en-US').padStart(9)}  ${bar}`
    })
  }
}

/** A duration with the unit that suits it. */
export function formatNs(ns: number): string {
  if (ns < 1e3) return `${Math.round(ns)} ns`
  if (ns < 1e6) return `${Number((ns / 1e3).toPrecision(3))} us`
  return `${Number((ns / 1e6).toPrecision(3))} ms`
}

function bucketOf(ns: number): number {
  const value = Math.max(ns, 1)
  // Cheap, since it runs between the transactions that are measured.
  const octave = value < 2 ** 31 ? 31 - Math.clz32(value) : Math.floor(Math.log2(value))
  const part = Math.floor((value / POWERS[octave]! - 1) * PARTS)
  return Math.min(octave * PARTS + part, BUCKETS - 1)
}

function upperEnd(bucket: number): number {
  const octave = Math.floor(bucket / PARTS)
  return 2 ** octave * (1 + ((bucket % PARTS) + 1) / PARTS)
}
