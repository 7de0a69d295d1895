import { isDangling } from '../../values/like-pattern.ts'
import type { Checked } from '../check/check-column.ts'
import type { CallIr, ExpressionIr } from '../view-ir.ts'
import { collated } from './collate.ts'
import { allOf } from './logic-functions.ts'
import type { CallCheck, RowFunction } from './row-function.ts'
import { anyNullable, baseOf, isText, typeOf } from './types.ts'

/** Text functions under COLLATE "C": letters are those of ASCII, characters are code points. */
export const TEXT_FUNCTIONS = {
  concat: {
    check: (call) => checkTexts(call, 'text', false),
    write: (parts) => `concat(${parts.join(', ')})`,
  },
  upper: { check: (call) => checkTexts(call, 'text'), write: ([a], call) => `upper(${first(a, call)})` },
  lower: { check: (call) => checkTexts(call, 'text'), write: ([a], call) => `lower(${first(a, call)})` },
  length: { check: (call) => checkTexts(call, 'integer'), write: ([a]) => `length(${a})` },
  trim: { check: (call) => checkTexts(call, 'text'), write: (parts) => `btrim(${parts.join(', ')})` },
  replace: {
    check: (call) => checkTexts(call, 'text'),
    write: ([a, b, c], call) => `replace(${first(a, call)}, ${b}, ${c})`,
  },
  startsWith: {
    check: (call) => checkTexts(call, 'boolean'),
    write: ([a, b], call) => `starts_with(${first(a, call)}, ${b})`,
  },
  substring: { check: checkSubstring, write: (parts) => `substring(${parts.join(', ')})` },
  like: { check: checkLike, write: (parts, call) => writeLike('LIKE', parts, call) },
  ilike: { check: checkLike, write: (parts, call) => writeLike('ILIKE', parts, call) },
} as const satisfies Readonly<Record<string, RowFunction>>

function checkTexts(call: CallCheck, pgType: string, nullable?: boolean): Checked<CallIr> {
  if (!call.args.some((raw) => call.isExpression(raw))) {
    return call.invalid(`${call.name} has only constants; one argument at least must be a column`)
  }
  const args = allOf(call.args.map((raw) => text(call, raw)))
  return args && { kind: 'call', name: call.name, args, type: typeOf(pgType, nullable ?? anyNullable(args)) }
}

function checkSubstring(call: CallCheck): Checked<CallIr> {
  const [raw, ...positions] = call.args
  const value = text(call, raw)
  const numbers = allOf(positions.map((position) => integer(call, position)))
  if (value === null || numbers === null) return null
  const args = [value, ...numbers]
  return { kind: 'call', name: 'substring', args, type: typeOf('text', anyNullable(args)) }
}

function checkLike(call: CallCheck): Checked<CallIr> {
  const [raw, pattern, escape] = call.args
  const { name } = call
  if (!call.isExpression(raw)) return call.invalid(`${name} needs a column before its pattern`)
  if (escape !== undefined && (typeof escape !== 'string' || Array.from(escape).length > 1)) {
    return call.invalid(`the escape of ${name} is not one character; give one, or the empty text for none`)
  }
  if (typeof pattern === 'string' && isDangling(pattern, escape ?? '\\')) {
    return call.invalid(
      `the pattern of ${name} ends with its escape character, which escapes nothing; double it, or name another escape`,
    )
  }
  const args = allOf(
    [raw, pattern, ...(escape === undefined ? [] : [escape])].map((argument) => text(call, argument)),
  )
  return args && { kind: 'call', name, args, type: typeOf('boolean', anyNullable(args)) }
}

function writeLike(operator: string, [a, pattern, escape]: readonly string[], call: CallIr): string {
  const test = `${first(a, call)} ${operator} ${pattern}`
  return escape === undefined ? `(${test})` : `(${test} ESCAPE ${escape})`
}

/** The first argument under COLLATE "C", which then holds for the whole call. */
function first(part: string | undefined, { args }: CallIr): string {
  return collated(part, args[0]?.type)
}

function text(call: CallCheck, raw: unknown): Checked<ExpressionIr> {
  if (!call.isExpression(raw)) return call.literal(raw, typeOf('text', false), `${call.name} has`)
  const argument = call.expression(raw)
  if (argument === null) return null
  if (isText(argument.type)) return argument
  if (baseOf(argument.type) === 'character') {
    return call.notExact(
      `${call.label(argument)} cannot be used in ${call.name} exactly: blanks at its end count in some functions and not in others; use a text column`,
    )
  }
  return call.invalid(`${call.name} needs text, and ${call.label(argument)} is not; use cast(…, 'text')`)
}

function integer(call: CallCheck, raw: unknown): Checked<ExpressionIr> {
  if (!call.isExpression(raw)) return call.literal(raw, typeOf('integer', false), `${call.name} has`)
  const argument = call.expression(raw)
  if (argument === null) return null
  const base = baseOf(argument.type)
  if (base === 'integer' || base === 'smallint') return argument
  return call.invalid(`${call.name} needs an integer position, and ${call.label(argument)} is none; use cast`)
}
