import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { readReference, type Reference, type ReferencePage } from '../../docs/reference.ts'
import { thrownCodes } from '../../docs/thrown-codes.ts'
import { ERROR_CODES } from '../../src/core/errors.ts'

const ROOT = resolve(import.meta.dirname, '../..')

type Declaration = ReferencePage['names'][number]
type Signature = NonNullable<Declaration['signatures']>[number]
type Comment = NonNullable<Declaration['comment']>

/** Something that has a doc comment, or should have one. */
interface Documented {
  readonly name: string
  readonly page: string
  readonly kind: 'function' | 'method' | 'other'
  readonly comment: Comment | undefined
}

let reference: Reference
let documented: readonly Documented[] = []

beforeAll(async () => {
  reference = await readReference()
  documented = reference.pages.flatMap(({ path, names }) => names.flatMap((item) => documentedIn(item, path)))
})

/** An exported name and its methods; a function has one comment a signature. */
function documentedIn(item: Declaration, page: string): Documented[] {
  const { name } = item
  if (item.signatures !== undefined) return functionsOf(name, page, 'function', item.signatures)
  const members = [...(item.children ?? []), ...childrenOfType(item)]
  const methods = members.flatMap((member) => {
    const called = `${name}.${member.name}`
    return member.name === 'constructor' ? [] : functionsOf(called, page, 'method', member.signatures ?? [])
  })
  return [{ name, page, kind: 'other', comment: item.comment }, ...methods]
}

function childrenOfType({ type }: Declaration): readonly Declaration[] {
  return type?.type === 'reflection' ? (type.declaration.children ?? []) : []
}

/** Of several signatures the first tells what the function is. */
function functionsOf(
  name: string,
  page: string,
  kind: Documented['kind'],
  signatures: readonly Signature[],
): Documented[] {
  const [first] = signatures
  return first === undefined ? [] : [{ name, page, kind, comment: first.comment }]
}

const textOf = (comment: Comment | undefined): string =>
  comment?.summary
    .map(({ text }) => text)
    .join('')
    .trim() ?? ''

/** The names of what is documented that a condition finds fault with. */
const names = (found: readonly Documented[]): string[] => found.map(({ name, page }) => `${page}: ${name}`)

test('every name that the package exports is on one page of the reference', async () => {
  const index = await readFile(join(ROOT, 'src/index.ts'), 'utf8')
  const exported = [...index.matchAll(/\{([^}]*)\}\s+from/g)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((name) => name.trim().replace(/^type\s+/, ''))
      .filter((name) => name !== ''),
  )
  expect(exported.length).toBeGreaterThan(150)
  const onPages = reference.pages.flatMap(({ names: items }) => items.map(({ name }) => name))
  expect(exported.filter((name) => !onPages.includes(name))).toEqual([])
  expect(onPages.filter((name, at) => onPages.indexOf(name) !== at)).toEqual([])
})

test('every public name and method says in a sentence what it is', () => {
  expect(documented.length).toBeGreaterThan(200)
  const mute = documented.filter(({ comment }) => !/^[^]*[.:](?:\s|$)/.test(textOf(comment)))
  expect(names(mute)).toEqual([])
  const aboutItself = documented.filter(({ comment }) =>
    /^This (?:function|method|type)/.test(textOf(comment)),
  )
  expect(names(aboutItself)).toEqual([])
})

/** Names that say their unit. */
const UNIT = /(?:Ms|Bytes|PerSecond)$|^(?:weeks|days|hours|minutes|seconds)$/

test('every public figure and position says what it counts', () => {
  const figures = reference.pages.flatMap(({ names: items }) =>
    items.flatMap((item) =>
      [...(item.children ?? []), ...childrenOfType(item)]
        .filter(({ type }) => /\b(?:number|bigint|Lsn)\b/.test(type?.toString() ?? ''))
        .map((member) => ({ name: `${item.name}.${member.name}`, member })),
    ),
  )
  expect(figures.length).toBeGreaterThan(30)
  const bare = figures.filter(({ member }) => member.comment === undefined && !UNIT.test(member.name))
  expect(bare.map(({ name }) => name)).toEqual([])
})

test('every public function has an example, which imports the package', () => {
  const functions = documented.filter(({ kind }) => kind === 'function')
  expect(functions.length).toBeGreaterThan(70)
  const without = functions.filter(({ comment }) => {
    const example =
      comment
        ?.getTag('@example')
        ?.content.map(({ text }) => text)
        .join('') ?? ''
    return !/```ts\n[^]*from 'prisma-dbsync(?:\/testing)?'[^]*```/.test(example)
  })
  expect(names(without)).toEqual([])
})

test('every public function that throws an error of ours says which', () => {
  const silent = documented.filter(({ name, page, kind, comment }) => {
    if (kind !== 'function' || /Throws: |Rejects with /.test(textOf(comment))) return false
    const codes = thrownCodes(reference.program, page, name)
    return [...codes].some((code) => code !== 'INTERNAL.INVARIANT')
  })
  expect(names(silent)).toEqual([])
  // The search itself finds what a function throws, and what those throw that it calls.
  expect([...thrownCodes(reference.program, 'docs/topics/changes.ts', 'sink')]).toEqual([
    'CONFIG.INVALID_OPTIONS',
  ])
  expect([...thrownCodes(reference.program, 'docs/topics/generated-code.ts', 'defineTable')]).toEqual([
    'CONTRACT.INVALID',
  ])
})

test('every code that a doc comment names exists', () => {
  const spaces = new Set(Object.keys(ERROR_CODES).map((code) => code.split('.')[0]))
  const named = documented.flatMap(({ name, comment }) =>
    [...textOf(comment).matchAll(/\b([A-Z]{3,})\.([A-Z_]+\b|\*)/g)].flatMap(([code, space, rest]) =>
      spaces.has(space) ? [{ name, code, isKnown: rest === '*' || code in ERROR_CODES }] : [],
    ),
  )
  expect(named.length).toBeGreaterThan(60)
  expect(named.filter(({ isKnown }) => !isKnown)).toEqual([])
})

test('the reference in the repository is what the doc comments say', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dbsync-reference-'))
  try {
    await reference.write(folder)
    const files = await readdir(folder)
    const kept = join(ROOT, 'docs/api')
    expect(await readdir(kept)).toEqual(files)
    for (const file of files) {
      const same = (await readFile(join(kept, file), 'utf8')) === (await readFile(join(folder, file), 'utf8'))
      expect({ file, same, advice: 'npm run docs' }).toEqual({ file, same: true, advice: 'npm run docs' })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
