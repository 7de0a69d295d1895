import { parseArrayLiteral, type ArrayElements } from './array-literal.ts'
import { undecodable } from './codec-errors.ts'

/**
 * The elements of an array literal of any number of dimensions, in storage order; null stands for NULL.
 *
 * Throws: CHANGES.UNDECODABLE_VALUE if the text is no array.
 */
export function elementsOf(literal: string): ArrayElements {
  const elements = parseArrayLiteral(literal)
  const flat = elements === 'dimensions' ? parseArrayLiteral(flattened(literal)) : elements
  if (flat === undefined || flat === 'dimensions') {
    throw undecodable('a list in an expression', 'an array type', 'no array')
  }
  return flat
}

/** `cardinality(array)`. */
export function arrayLength(literal: string): number {
  return elementsOf(literal).length
}

/** The literal with all inner braces taken out, so that the elements stand in one row. */
function flattened(literal: string): string {
  const start = literal.indexOf('{')
  let text = ''
  let quoted = false
  for (let index = start + 1; index < literal.length - 1; index += 1) {
    const char = literal[index] ?? ''
    if (char === '\\') {
      text += char + (literal[index + 1] ?? '')
      index += 1
      continue
    }
    if (char === '"') quoted = !quoted
    if (quoted || (char !== '{' && char !== '}')) text += char
  }
  return `{${text}}`
}
