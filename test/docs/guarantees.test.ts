import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const DOCS = join(resolve(import.meta.dirname, '../..'), 'docs')

/** A link to a file of tests, and the titles that stand behind it. */
interface Evidence {
  readonly file: string
  readonly titles: readonly string[]
}

/** The rows of the page's tables. */
function readGuarantees(): { readonly guarantee: string; readonly evidence: readonly Evidence[] }[] {
  return readFileSync(join(DOCS, 'guarantees.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| guarantee '))
    .map((line) => {
      const [guarantee = '', ...links] = line.split(/(?=\[[^\]]*\]\(\.\.\/)/)
      const evidence = links.map((link) => ({
        file: /\]\(([^)]*)\)/.exec(link)?.[1] ?? '',
        titles: [...link.matchAll(/“([^”]*)”/g)].map(([, title = '']) => title),
      }))
      return { guarantee, evidence }
    })
}

/** The titles of a file's tests as they are written there. */
function titlesIn(file: string): string {
  const code = readFileSync(join(DOCS, file), 'utf8')
  // Of a title made of parts each part is looked for by itself.
  return [...code.matchAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g)].map(([title]) => title).join('\n')
}

test('every guarantee names tests, and each of them is there', () => {
  const guarantees = readGuarantees()
  expect(guarantees.length).toBeGreaterThan(40)
  const unproven = guarantees.filter(({ evidence }) => evidence.every(({ titles }) => titles.length === 0))
  expect(unproven.map(({ guarantee }) => guarantee)).toEqual([])
  const missing = guarantees.flatMap(({ evidence }) =>
    evidence.flatMap(({ file, titles }) => {
      if (!existsSync(join(DOCS, file))) return [file]
      const there = titlesIn(file)
      return titles.filter((title) => !there.includes(title)).map((title) => `${file}: ${title}`)
    }),
  )
  expect(missing).toEqual([])
})
