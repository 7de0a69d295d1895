import type { StoredColumn, StoredValues, StoredView } from '../view-store.ts'
import { jsonOfText } from './json-of-text.ts'
import { keyText } from './key-text.ts'
import type { RedisCommand } from './redis-connection.ts'
import { rowName, rowsName } from './redis-names.ts'

/** What a row's key holds: the fields of a hash, or one JSON value. */
export type RedisFormat = 'hash' | 'json'

/** A row that is to be written under its name, or to go. */
export interface PendingRow {
  readonly view: string
  /** Arguments of HSET or SET behind the name; null: the row goes. */
  readonly content: readonly string[] | null
}

/** Names at most in one command. */
const NAMES = 1_000

/** The names of rows, of which those of `values` are the columns at `key`. */
export function makeRowNamer(
  prefix: string,
  view: StoredView,
): { readonly ofKey: (key: StoredValues) => string; readonly ofRow: (row: StoredValues) => string } {
  const places = view.key.map((name) => view.columns.findIndex((column) => column.name === name))
  const ofKey = (key: StoredValues): string =>
    rowName(
      prefix,
      view.name,
      places.map((place, at) => {
        const text = key[at] ?? null
        const column = view.columns[place]
        return text === null || column === undefined ? null : keyText(text, column.type)
      }),
    )
  return { ofKey, ofRow: (row) => ofKey(places.map((place) => row[place] ?? null)) }
}

/** The arguments of HSET or SET for a row. A row of NULLs alone has the one field of no name, since an empty hash is none. */
export function rowContent(
  format: RedisFormat,
  columns: readonly StoredColumn[],
  row: StoredValues,
): readonly string[] {
  if (format === 'json') {
    const members = columns.map(
      (column, at) => `${JSON.stringify(column.name)}:${jsonOfText(row[at] ?? null, column)}`,
    )
    return [`{${members.join(',')}}`]
  }
  const fields = columns.flatMap(({ name }, at) => {
    const text = row[at] ?? null
    return text === null ? [] : [name, text]
  })
  return fields.length === 0 ? ['', ''] : fields
}

/**
 * The commands that bring rows, by their names, to what they are to be, and note the generation that wrote them. Each does the same
 * when it is done twice.
 */
export function rowCommands(
  prefix: string,
  format: RedisFormat,
  generation: string,
  rows: ReadonlyMap<string, PendingRow>,
): RedisCommand[] {
  const removed: string[] = []
  const written: RedisCommand[] = []
  const noted = new Map<string, { come: string[]; gone: string[] }>()
  for (const [name, { view, content }] of rows) {
    const notes = noted.get(view) ?? { come: [], gone: [] }
    noted.set(view, notes)
    // What a key was before, and the fields it had, is nobody's business any more.
    if (content === null || format === 'hash') removed.push(name)
    if (content === null) notes.gone.push(name)
    else {
      notes.come.push(name, generation)
      written.push([format === 'hash' ? 'HSET' : 'SET', name, ...content])
    }
  }
  const commands = [...inPieces(['DEL'], removed), ...written]
  for (const [view, { come, gone }] of noted) {
    commands.push(...inPieces(['HSET', rowsName(prefix, view)], come))
    commands.push(...inPieces(['HDEL', rowsName(prefix, view)], gone))
  }
  return commands
}

/** A command for many names, or pairs, as several of an even number each. */
function inPieces(command: RedisCommand, items: readonly string[]): RedisCommand[] {
  const count = Math.ceil(items.length / NAMES)
  return Array.from({ length: count }, (_, at) => command.concat(items.slice(at * NAMES, (at + 1) * NAMES)))
}
