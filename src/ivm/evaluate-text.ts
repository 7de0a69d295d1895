import { isDangling, makeLike, type LikeTest } from '../values/like-pattern.ts'
import {
  lowerText,
  replaceText,
  substringOf,
  textLength,
  trimText,
  upperText,
} from '../values/text-functions.ts'
import { textOfValue } from '../values/value-of-text.ts'
import type { Value } from '../values/value.ts'
import type { Argument, Evaluator } from './evaluate.ts'
import { strict1, strict2, strict3 } from './strict.ts'

type Maker = (args: readonly Argument[]) => Evaluator | undefined

/** The functions of texts, by name. */
export const TEXT_FUNCTIONS = {
  concat: makeConcat,
  upper: unary(upperText),
  lower: unary(lowerText),
  length: unary(textLength),
  trim: makeTrim,
  substring: makeSubstring,
  replace: makeReplace,
  startsWith: makeStartsWith,
} as const satisfies Readonly<Record<string, Maker>>

/** How LIKE compares. */
export interface LikeMode {
  readonly ignoreCase: boolean
  readonly escape: string
}

/** Plain LIKE. */
export const LIKE: LikeMode = { ignoreCase: false, escape: '\\' }

/** LIKE or ILIKE of a text, a pattern and, if there is a third argument, an escape character. */
export function makeLikeTest(
  [text, pattern, escape]: readonly Argument[],
  mode: LikeMode,
): Evaluator | undefined {
  if (text === undefined || pattern === undefined) return undefined
  const character = escape === undefined ? mode.escape : textOf(escape.constant)
  if (typeof pattern.constant === 'string' && !isDangling(pattern.constant, character)) {
    const test = makeLike(pattern.constant, character, mode.ignoreCase)
    return strict1(text.value, (value) => test(textOfValue(value)))
  }
  // Patterns in rows seldom change from one row to the next.
  let known: string | null = null
  let test: LikeTest = () => false
  return strict2(text.value, pattern.value, (value, wanted) => {
    const wantedText = textOfValue(wanted)
    if (wantedText !== known) {
      test = makeLike(wantedText, character, mode.ignoreCase)
      known = wantedText
    }
    return test(textOfValue(value))
  })
}

/** NULLs are left out, so the result is never null. */
function makeConcat(args: readonly Argument[]): Evaluator {
  const parts = args.map(({ value }) => value)
  return () => {
    let text = ''
    for (const part of parts) text += textOf(part())
    return text
  }
}

function makeTrim([text, characters]: readonly Argument[]): Evaluator | undefined {
  if (text === undefined) return undefined
  if (characters === undefined) return strict1(text.value, (value) => trimText(textOfValue(value), ' '))
  return strict2(text.value, characters.value, (value, set) => trimText(textOfValue(value), textOfValue(set)))
}

function makeSubstring([text, start, length]: readonly Argument[]): Evaluator | undefined {
  if (text === undefined || start === undefined) return undefined
  if (length === undefined) {
    return strict2(text.value, start.value, (value, from) =>
      substringOf(textOfValue(value), Number(from), null),
    )
  }
  return strict3(text.value, start.value, length.value, (value, from, count) =>
    substringOf(textOfValue(value), Number(from), Number(count)),
  )
}

function makeReplace([text, from, to]: readonly Argument[]): Evaluator | undefined {
  if (text === undefined || from === undefined || to === undefined) return undefined
  return strict3(text.value, from.value, to.value, (value, old, fresh) =>
    replaceText(textOfValue(value), textOfValue(old), textOfValue(fresh)),
  )
}

function makeStartsWith([text, prefix]: readonly Argument[]): Evaluator | undefined {
  if (text === undefined || prefix === undefined) return undefined
  return strict2(text.value, prefix.value, (value, start) =>
    textOfValue(value).startsWith(textOfValue(start)),
  )
}

function unary(compute: (text: string) => Value): Maker {
  return ([argument]) =>
    argument === undefined ? undefined : strict1(argument.value, (value) => compute(textOfValue(value)))
}

function textOf(value: Value | undefined): string {
  return value === null || value === undefined ? '' : textOfValue(value)
}
