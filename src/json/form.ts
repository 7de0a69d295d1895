import type * as z from 'zod'

/** What is wrong with a value, as zod tells it; the path is put before it by the {@link Pass}. */
export type Issue = Extract<
  z.core.$ZodRawIssue,
  { readonly code: 'custom' | 'invalid_type' | 'invalid_value' | 'unrecognized_keys' }
>

/** How a value is written as JSON and read back. What is refused is noted in the pass and handed back as it is. */
export interface Form {
  /** What `JSON.stringify` keeps whole. Only the kind of the value is looked at: what the WAL brought can be sent. */
  encode(value: unknown, pass: Pass): unknown
  /** The value. Everything that the contract says of it is checked. */
  decode(json: unknown, pass: Pass): unknown
}

/** One value on its way: where we are in it, and what was found to be wrong. */
export class Pass {
  readonly issues: Issue[] = []
  readonly #path: PropertyKey[] = []

  /** Runs a form on a part of the value. */
  at(name: PropertyKey, form: Form, side: keyof Form, part: unknown): unknown {
    this.#path.push(name)
    const result = form[side](part, this)
    this.#path.pop()
    return result
  }

  /** Notes an issue at this place, or at a part of it, and gives back what was refused. */
  refuse(issue: Issue, ...part: readonly PropertyKey[]): unknown {
    this.issues.push({ ...issue, path: [...this.#path, ...part] })
    return issue.input
  }

  /** Refuses a value that is of another kind. */
  kind(input: unknown, expected: z.core.$ZodInvalidTypeExpected): unknown {
    return this.refuse({ code: 'invalid_type', expected, input })
  }

  /** Refuses a value for what it holds; the text never shows it. */
  need(input: unknown, what: string): unknown {
    return this.refuse({ code: 'custom', message: `need ${what}`, input })
  }
}

/** A form of text on the JSON side: what it stands for, or undefined where it stands for nothing of the kind. */
export function textForm(form: {
  readonly write: (value: unknown) => string | undefined
  readonly kind: z.core.$ZodInvalidTypeExpected
  readonly read: (text: string) => unknown
  readonly need: string
}): Form {
  return {
    encode: (value, pass) => form.write(value) ?? pass.kind(value, form.kind),
    decode(json, pass) {
      if (typeof json !== 'string') return pass.kind(json, 'string')
      return form.read(json) ?? pass.need(json, form.need)
    },
  }
}

/** A form of what is the same on both sides: a kind, and what else is asked of it when it is read. */
export function plainForm(
  kind: 'string' | 'number' | 'boolean',
  rule: (value: unknown) => boolean,
  need: string,
): Form {
  return {
    encode: (value, pass) => (typeof value === kind ? value : pass.kind(value, kind)),
    decode(json, pass) {
      if (typeof json !== kind) return pass.kind(json, kind)
      return rule(json) ? json : pass.need(json, need)
    },
  }
}

/** One of some texts. */
export function oneOf(names: readonly string[]): Form {
  const known = new Set<unknown>(names)
  const check = (value: unknown, pass: Pass): unknown =>
    known.has(value) ? value : pass.refuse({ code: 'invalid_value', values: [...names], input: value })
  return { encode: check, decode: check }
}

/** A list of values of one form. */
export function listForm(element: Form): Form {
  const code = (side: keyof Form) => (list: unknown, pass: Pass) =>
    Array.isArray(list)
      ? Array.from(list, (item: unknown, index) => pass.at(index, element, side, item))
      : pass.kind(list, 'array')
  return { encode: code('encode'), decode: code('decode') }
}

/** A form, or null. */
export function nullable(form: Form): Form {
  const code = (side: keyof Form) => (value: unknown, pass: Pass) =>
    value === null ? null : form[side](value, pass)
  return { encode: code('encode'), decode: code('decode') }
}
