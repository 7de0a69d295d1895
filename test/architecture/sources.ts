import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

/** One source file. */
export interface SourceFile {
  /** From the project's root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text without comments. */
  readonly code: string
}

/** One import or re-export. */
export interface ImportOf {
  readonly path: string
  readonly target: string
  readonly isType: boolean
}

/** Every TypeScript file below some folders; generated fixtures are nobody's style. */
export function sources(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
      .filter((path) => !/\/(fixtures|generated|node_modules)\//.test(path))
      .toSorted()
      .map((path) => {
        const text = readFileSync(join(ROOT, path), 'utf8')
        return { path, text, code: withoutComments(text) }
      }),
  )
}

/** Reads one file of the project. */
export function source(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return { path, text, code: withoutComments(text) }
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1')
}

/** What a file imports: relative targets as paths from the root, packages by name, Node's as `node:…`. */
export function importsOf({ path, code }: SourceFile): ImportOf[] {
  const found: ImportOf[] = []
  const statement = /(?:^|\n)\s*(import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'/g
  for (const [, , type, target = ''] of code.matchAll(statement)) {
    found.push({ path, target: resolved(path, target), isType: type !== undefined })
  }
  const bare = /(?:^|\n)\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'|\brequire\(\s*'([^']+)'/g
  for (const [, side, dynamic, required] of code.matchAll(bare)) {
    found.push({ path, target: resolved(path, side ?? dynamic ?? required ?? ''), isType: false })
  }
  return found
}

function resolved(path: string, target: string): string {
  if (target.startsWith('.')) return relative(ROOT, join(ROOT, path, '..', target)).replaceAll('\\', '/')
  return target
}

/** The name of the package that a target belongs to, or null for a path of the project or of Node. */
export function packageOf(target: string): string | null {
  if (target.startsWith('node:') || /^(src|generators|test|generated|bench|examples)\//.test(target))
    return null
  return target.startsWith('@') ? target.split('/', 2).join('/') : (target.split('/')[0] ?? target)
}
