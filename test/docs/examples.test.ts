import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import * as dbsync from '../../src/index.ts'
import { compileExamples, type Example } from '../support/examples.ts'
import { readOperators, VIEW_OF } from './operators.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** The examples in doc comments that a user may copy: they import the package. */
function examplesOfComments(): Example[] {
  const paths = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  return paths
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => {
      const text = readFileSync(join(ROOT, 'src', path), 'utf8')
      return [...text.matchAll(/^ *\* ```ts\n([^]*?)^ *\* ```$/gm)].map(([, block = ''], index) => ({
        name: `src/${path} example ${index + 1}`,
        code: block.replaceAll(/^ *\* ?/gm, ''),
      }))
    })
    .filter(({ code }) => code.includes("from 'prisma-dbsync"))
}

/** The calls on the page of operators, each in a view whose rows must have the type that the page says. */
function examplesOfOperators(): Example[] {
  return readOperators().map(({ place, code, type }) => {
    const names = Object.keys(dbsync).filter((name) => new RegExp(`\\b${name}\\(`).test(code))
    const check = type === '' ? '' : `export const check: Same<ViewRow<typeof view>['x'], ${type}> = true`
    return {
      name: `docs/operators.md ${code}`,
      code: `import type { Decimal } from '@prisma/client/runtime/client'
import { ${[...names, 'defineView', 'type DecimalLike', 'type ViewRow'].join(', ')} } from 'prisma-dbsync'
import { Item } from '../../test/conformance/item.ts'
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
export const view = defineView('v', ${VIEW_OF[place](code)})
${check}
export type Used = Decimal | DecimalLike | Same<1, 1> | ViewRow<typeof view>`,
    }
  })
}

/**
 * The blocks of TypeScript on a page. One that begins with an import stands alone; another goes on where the one before it
 * ends.
 */
function examplesOfPage(page: string): Example[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const examples: Example[] = []
  for (const [, block = ''] of text.matchAll(/```ts\n([^]*?)```/g)) {
    const last = examples.at(-1)
    if (block.startsWith('import ') || last === undefined)
      examples.push({ name: `${page} example ${examples.length + 1}`, code: block })
    else examples[examples.length - 1] = { ...last, code: `${last.code}\n${block}` }
  }
  return examples
}

/** Pages with examples for users. Of the page of operators each call is looked at by itself. */
function pages(): string[] {
  const others = readdirSync(join(ROOT, 'docs')).filter(
    (file) => file.endsWith('.md') && file !== 'operators.md',
  )
  return ['README.md', ...others.map((file) => `docs/${file}`)]
}

test('every example in the documentation compiles', async () => {
  const ofPages = pages().flatMap(examplesOfPage)
  expect(ofPages.length).toBeGreaterThan(9)
  const examples = [...ofPages, ...examplesOfComments(), ...examplesOfOperators()]
  expect(examples.length).toBeGreaterThan(150)
  expect(await compileExamples(examples)).toBe('')
})
