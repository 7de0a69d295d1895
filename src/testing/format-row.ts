/** One row in one line. */
export function formatRow(row: Readonly<Record<string, string | undefined>>): string {
  const members = Object.entries(row).map(([name, text]) => `${name}: ${text}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}
