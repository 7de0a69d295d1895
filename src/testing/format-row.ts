/** One row in one line. */
export function formatRow(row: Readonly<Record<string, string | undefined>>): string {
  const members = Object.entries(row).map(([name, text]) => `${name}: ${text}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

/** The columns in which two rows differ, and the values that both have in the others. */
export function splitColumns(
  expected: Readonly<Record<string, string>>,
  actual: Readonly<Record<string, string>>,
): { readonly wrong: readonly string[]; readonly right: Readonly<Record<string, string>> } {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(actual)])]
  const wrong = names.filter((name) => expected[name] !== actual[name])
  const right = Object.entries(expected).filter(([name]) => !wrong.includes(name))
  return { wrong, right: Object.fromEntries(right) }
}
