/** An array literal's elements in order; null stands for an unquoted NULL. */
export type ArrayElements = readonly (string | null)[]

const BOUNDS = /^(?:\[-?\d+:-?\d+\]){1,6}=/

/**
 * Takes a one-dimensional Postgres array literal apart: `{a,"b,c",NULL}`, with bounds `[0:1]={7,8}` or without.
 *
 * Returns 'dimensions' where it has more than one, undefined where the text is no array literal.
 */
export function parseArrayLiteral(text: string): ArrayElements | 'dimensions' | undefined {
  let at = text.startsWith('[') ? (BOUNDS.exec(text)?.[0].length ?? text.length) : 0
  const last = text.length - 1
  if (text[at] !== '{' || at === last || text[last] !== '}') return undefined
  at += 1
  if (at === last) return []
  // An element that begins with a brace would be quoted.
  if (text[at] === '{') return 'dimensions'
  const elements: (string | null)[] = []
  for (;;) {
    let element = ''
    const quoted = text[at] === '"'
    if (quoted) at += 1
    for (;;) {
      const char = text[at]
      if (char === undefined || (at === last && quoted)) return undefined
      if (quoted ? char === '"' : char === ',' || at === last) break
      if (!quoted && (char === '{' || char === '}')) return undefined
      if (char === '\\') at += 1
      element += text[at] ?? ''
      at += 1
    }
    // Postgres quotes the empty text.
    if (element === '' && !quoted) return undefined
    if (quoted) at += 1
    elements.push(!quoted && element.toUpperCase() === 'NULL' ? null : element)
    if (at === last) return elements
    if (text[at] !== ',') return undefined
    at += 1
  }
}

/** Writes a Postgres array literal; every element is quoted, which is always allowed. */
export function formatArrayLiteral(elements: ArrayElements): string {
  const parts = elements.map((element) =>
    element === null ? 'NULL' : `"${element.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  )
  return `{${parts.join(',')}}`
}
