import type { ViewRow } from 'prisma-dbsync'
import type { restaurantRating } from '../views.ts'
import { bold, formatCount } from './screen.ts'

export type Rating = ViewRow<typeof restaurantRating>

const TOP = 10
/** So that one friendly guest does not make the best restaurant in town. */
const MIN_VISITS = 5
const NAME_WIDTH = 26
const ID_WIDTH = 10
const HEADER = `    ${'restaurant'.padEnd(NAME_WIDTH)} ${'id'.padEnd(ID_WIDTH)} ${'rating'.padStart(7)} ${'visits'.padStart(7)} ${'spent'.padStart(12)}`

/** The best restaurants: by rating, then by visits, then by id. */
export function bestOf(rows: Iterable<Rating>): readonly Rating[] {
  const rated = [...rows].filter((row) => row.rating !== null && row.visits >= MIN_VISITS)
  return rated
    .toSorted((a, b) => (b.rating ?? 0) - (a.rating ?? 0) || b.visits - a.visits || (a.id < b.id ? -1 : 1))
    .slice(0, TOP)
}

/** The lines of the table, always of one height; places that have changed since `former` carry an arrow. */
export function drawLeaderboard(
  best: readonly Rating[],
  former: readonly Rating[],
  width: number,
): readonly string[] {
  const lines = [bold(clip(HEADER, width))]
  for (let place = 0; place < TOP; place += 1) {
    const row = best[place]
    lines.push(
      row === undefined
        ? ''
        : clip(`${String(place + 1).padStart(2)} ${describe(row, place, former)}`, width),
    )
  }
  return lines
}

/** One line for a screen that cannot redraw. */
export function summarize(best: readonly Rating[]): string {
  return best
    .slice(0, 3)
    .map((row, place) => `${place + 1}. ${row.name} ${row.rating?.toFixed(3)}`)
    .join(', ')
}

function describe(row: Rating, place: number, former: readonly Rating[]): string {
  const earlier = former.findIndex(({ id }) => id === row.id)
  const arrow = former.length === 0 || earlier === place ? ' ' : earlier < 0 || earlier > place ? '▲' : '▼'
  const columns = [
    pad(row.name, NAME_WIDTH),
    row.id.padEnd(ID_WIDTH),
    (row.rating?.toFixed(3) ?? '').padStart(7),
    formatCount(row.visits).padStart(7),
    (row.spent?.toFixed(2) ?? '').padStart(12),
  ]
  return `${arrow}${columns.join(' ')}`
}

const WIDE = /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60]/

/** How many columns of a terminal a text takes; a CJK character takes two. */
function widthOf(text: string): number {
  let width = 0
  for (const char of text.normalize('NFC')) width += WIDE.test(char) ? 2 : 1
  return width
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** Whole lines only: a line that wraps would be drawn over the wrong place. */
function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let clipped = ''
  for (const char of text) {
    if (widthOf(clipped + char) > width) break
    clipped += char
  }
  return clipped
}
