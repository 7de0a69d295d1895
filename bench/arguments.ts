/** What the command line asks for. */
export type BenchCommand =
  | { readonly kind: 'run'; readonly name: string; readonly quick: boolean; readonly json: boolean }
  | { readonly kind: 'help' }
  /** Something cannot be done as asked; `problem` says what. */
  | { readonly kind: 'refuse'; readonly problem: string }

/** Reads `NAME [--quick] [--json]`; `names` are the benches that there are. */
export function readArguments(args: readonly string[], names: readonly string[]): BenchCommand {
  const options = args.filter((arg) => arg.startsWith('-'))
  if (options.includes('--help') || options.includes('-h')) return { kind: 'help' }
  const unknown = options.find((option) => option !== '--quick' && option !== '--json')
  if (unknown !== undefined) return { kind: 'refuse', problem: `There is no option ${unknown}.` }
  const [name, ...more] = args.filter((arg) => !arg.startsWith('-'))
  if (name === undefined) return { kind: 'refuse', problem: 'Name a bench.' }
  if (more.length > 0) return { kind: 'refuse', problem: 'Name one bench at a time.' }
  if (!names.includes(name)) return { kind: 'refuse', problem: `There is no bench "${name}".` }
  return { kind: 'run', name, quick: options.includes('--quick'), json: options.includes('--json') }
}
