import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

const markdownIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(ROOT, folder, file))

const PAGES = ['', 'docs', 'docs/api', 'examples', 'bench'].flatMap(markdownIn)

/** The anchors of a page: those that it names, and those that a forge gives to headings; of equal ones the second has `-1`, and so on. */
function anchorsOf(page: string): ReadonlySet<string> {
  const text = withoutBlocks(page)
  const slugs = new Set<string>()
  for (const [, heading = ''] of text.matchAll(/^#+ (.*)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    let name = slug
    for (let count = 1; slugs.has(name); count += 1) name = `${slug}-${count}`
    slugs.add(name)
  }
  const named = [...text.matchAll(/<a id="([^"]*)">/g)].map(([, id = '']) => id)
  return new Set([...slugs, ...named])
}

const withoutBlocks = (page: string): string => readFileSync(page, 'utf8').replaceAll(/^```[^]*?^```/gm, '')

test('every link in the documentation leads somewhere', () => {
  let links = 0
  const dead = PAGES.flatMap((page) => {
    return [...withoutBlocks(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].flatMap(([, target = '']) => {
      links += 1
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page : resolve(dirname(page), decodeURIComponent(file))
      const isThere = existsSync(path) && (anchor === undefined || anchorsOf(path).has(anchor))
      return isThere ? [] : [`${relative(ROOT, page)}: ${target}`]
    })
  })
  expect(links).toBeGreaterThan(200)
  expect(dead).toEqual([])
})
