/** How alike two names are, from 0 to 1, by the pairs of letters that they share; case and underscores do not count. */
export function similarity(a: string, b: string): number {
  const [left, right] = [pairsOf(a), pairsOf(b)]
  const rest = [...right]
  let shared = 0
  for (const pair of left) {
    const at = rest.indexOf(pair)
    if (at < 0) continue
    rest.splice(at, 1)
    shared += 1
  }
  return (2 * shared) / Math.max(left.length + right.length, 1)
}

/** Whether two names are so alike that one may be a new spelling of the other. */
export function isSimilar(a: string, b: string): boolean {
  return similarity(a, b) >= 0.5
}

function pairsOf(name: string): readonly string[] {
  const letters = name.toLowerCase().replaceAll('_', '')
  return Array.from({ length: Math.max(letters.length - 1, 0) }, (_, at) => letters.slice(at, at + 2))
}
