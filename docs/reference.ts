import { existsSync } from 'node:fs'
import { appendFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import {
  Application,
  Converter,
  type DeclarationReflection,
  LiteralType,
  type Reflection,
  ReflectionKind,
  type TypeDocOptions,
  UnionType,
  UnknownType,
} from 'typedoc'
import type ts from 'typescript'
import { ERROR_CODES } from '../src/core/errors.ts'

/*
 * The API reference, made from the doc comments. Each file of `docs/topics` is a page of it, and says which names the
 * page has; the test kit's page has whatever the kit exports.
 */

const ROOT = resolve(import.meta.dirname, '..')
const TESTING = 'src/testing/index.ts'

/** The pages in the order of the reference. */
const TOPICS = [
  'sync',
  'reading-views',
  'views',
  'expressions',
  'aggregates',
  'changes',
  'stores',
  'errors',
  'generated-code',
]

const OPTIONS = {
  name: 'API reference',
  tsconfig: join(ROOT, 'docs/tsconfig.json'),
  plugin: ['typedoc-plugin-markdown'],
  logLevel: 'Warn',
  readme: 'none',
  // Lines and commits would change with every change of the code.
  disableSources: true,
  disableGit: true,
  excludeInternal: true,
  excludeExternals: true,
  alwaysCreateEntryPointModule: true,
  sortEntryPoints: false,
  sort: [],
  groupOrder: ['Functions', 'Classes', 'Interfaces', 'Type Aliases', 'Variables'],
  // Types that only compute other types have no section of their own.
  validation: { notExported: false, invalidLink: true, notDocumented: false },
} satisfies Partial<TypeDocOptions>

/** What the Markdown plugin adds. */
const MARKDOWN = {
  router: 'module',
  entryFileName: 'README',
  hideBreadcrumbs: true,
  hidePageHeader: true,
  useCodeBlocks: true,
  // Its own count of equal headings is not that of every forge.
  useHTMLAnchors: true,
  expandObjects: true,
  parametersFormat: 'list',
  interfacePropertiesFormat: 'list',
  typeDeclarationFormat: 'list',
}

/** One page of the reference. */
export interface ReferencePage {
  /** The path of the file that exports the page's names, from the root of the project. */
  readonly path: string
  readonly names: readonly DeclarationReflection[]
}

/** The public names as TypeDoc sees them. */
export interface Reference {
  readonly pages: readonly ReferencePage[]
  /** The sources as the compiler sees them. */
  readonly program: ts.Program
  /** Writes one Markdown file a page and an index into the folder, which is emptied first. */
  write(folder: string): Promise<void>
}

/** Reads the sources; takes some seconds. Rejects if TypeDoc has anything to warn of, such as a link that leads nowhere. */
export async function readReference(): Promise<Reference> {
  const paths = TOPICS.map((topic) => `docs/topics/${topic}.ts`)
  if (existsSync(join(ROOT, TESTING))) paths.push(TESTING)
  const entryPoints = paths.map((path) => join(ROOT, path))
  const app = await Application.bootstrapWithPlugins({ ...OPTIONS, ...MARKDOWN, entryPoints })
  // Before the names are put into groups.
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const members = project.getReflectionsByKind(ReflectionKind.SomeMember)
    for (const member of members) if (isForTypesAlone(member)) project.removeReflection(member)
  })
  const entries = app.getEntryPoints()
  const program = entries?.[0]?.program
  if (entries === undefined || program === undefined) throw new Error('TypeDoc could not read the sources')
  const project = app.converter.convert(entries)
  app.validate(project)
  if (app.logger.hasWarnings()) throw new Error('TypeDoc has warnings; they are above')
  const modules = project.children ?? []
  for (const [index, module] of modules.entries()) {
    if (paths[index] === TESTING) module.name = 'Testing'
    shortenCodes(module)
  }
  return {
    pages: modules.map(({ children = [] }, index) => ({ path: paths[index] ?? '', names: children })),
    program,
    async write(folder) {
      await rm(folder, { recursive: true, force: true })
      await app.outputs.writeOutput({ name: 'markdown', path: folder }, project)
      await appendFile(join(folder, 'Errors.md'), errorTable())
    },
  }
}

/** Of types that spell out all codes the name, since the page has the codes in a table. */
function shortenCodes(reflection: Reflection): void {
  if ('type' in reflection && (reflection.name === 'ERROR_CODES' || spellsOutCodes(reflection.type))) {
    const name = reflection.name === 'ErrorCode' ? 'keyof typeof ERROR_CODES' : 'ErrorCode'
    const table = 'Record<ErrorCode, readonly [Recovery, string]>'
    reflection.type = new UnknownType(reflection.name === 'ERROR_CODES' ? table : name)
  }
  reflection.traverse((child) => {
    shortenCodes(child)
  })
}

function spellsOutCodes(type: unknown): boolean {
  if (!(type instanceof UnionType)) return false
  const codes = type.types.filter((part) => part instanceof LiteralType && String(part.value) in ERROR_CODES)
  return codes.length === Object.keys(ERROR_CODES).length
}

/** Whether a member is nothing that a program can use. */
function isForTypesAlone({ name, comment }: Reflection): boolean {
  return name === '[EXPRESSION]' || comment?.summary[0]?.text.startsWith('Types only') === true
}

/** Every code with its recovery and its meaning, as Markdown. */
function errorTable(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, [recovery, meaning]]) => `| \`${code}\` | ${recovery} | ${meaning} |`,
  )
  return ['', '## Codes', '', '| code | recovery | meaning |', '|---|---|---|', ...rows, ''].join('\n')
}
