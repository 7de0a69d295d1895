import type { Form, Pass } from './form.ts'

/** One property of an object. */
export interface Property {
  readonly name: string
  readonly form: Form
  /**
   * Always there; or absent on both sides where it is not known; or undefined in the value, where it is always a property,
   * and absent in JSON.
   */
  readonly presence: 'required' | 'optional' | 'undefined'
}

/**
 * An object with these properties, in this order, and no others. Only its own properties count and are made, whatever
 * their names: `constructor` and `__proto__` are names like others.
 */
export function objectForm(properties: readonly Property[]): Form {
  const names = new Set(properties.map(({ name }) => name))
  const code = (side: keyof Form) => (input: unknown, pass: Pass) => {
    if (!isRecord(input)) return pass.kind(input, 'object')
    const entries: [string, unknown][] = []
    for (const { name, form, presence } of properties) {
      const isThere = Object.hasOwn(input, name)
      if (isThere && !(presence === 'undefined' && side === 'encode' && input[name] === undefined)) {
        entries.push([name, pass.at(name, form, side, input[name])])
      } else if (presence === 'undefined') {
        if (side === 'decode') entries.push([name, undefined])
      } else if (presence === 'required') {
        pass.refuse({ code: 'custom', message: 'need this property', input: undefined }, name)
      }
    }
    const unknown = Object.keys(input).filter((name) => !names.has(name))
    if (unknown.length > 0) pass.refuse({ code: 'unrecognized_keys', keys: unknown, input })
    return Object.fromEntries(entries)
  }
  return { encode: code('encode'), decode: code('decode') }
}

/** Objects told apart by one property, which is the same on both sides. */
export function taggedForm(tag: string, forms: ReadonlyMap<unknown, () => Form>): Form {
  const code = (side: keyof Form) => (input: unknown, pass: Pass) => {
    if (!isRecord(input)) return pass.kind(input, 'object')
    const value = Object.hasOwn(input, tag) ? input[tag] : undefined
    const form = forms.get(value)
    if (form !== undefined) return form()[side](input, pass)
    const values = [...forms.keys()].map(String)
    pass.refuse({ code: 'invalid_value', values, input: value }, tag)
    return input
  }
  return { encode: code('encode'), decode: code('decode') }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
