import { arrayLength, elementsOf } from '../values/array-functions.ts'
import { makeValueComparison } from '../values/compare-values.ts'
import { textOfValue, valueOfText } from '../values/value-of-text.ts'
import { kindOf, type Argument, type Evaluator } from './evaluate.ts'

/*
 * Lists as Prisma shows them: NULL is the empty list.
 */

/** `list @> ARRAY[element]`: NULL elements are never found. */
export function makeArrayContains([list, element]: readonly Argument[]): Evaluator | undefined {
  if (list === undefined || element === undefined) return undefined
  const kind = kindOf({ ...list.type, list: false })
  const compare = makeValueComparison(kind, element.kind)
  if (compare === undefined) return undefined
  return () => {
    const literal = list.value()
    const wanted = element.value()
    if (literal === null || wanted === null) return false
    return elementsOf(textOfValue(literal)).some(
      (text) => text !== null && compare(valueOfText(text, kind), wanted) === 0,
    )
  }
}

/** `cardinality(list)`. */
export function makeArrayLength([list]: readonly Argument[]): Evaluator | undefined {
  if (list === undefined) return undefined
  return () => {
    const literal = list.value()
    return literal === null ? 0 : arrayLength(textOfValue(literal))
  }
}
