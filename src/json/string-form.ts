import { parsePgTypeName } from '../values/pg-type.ts'
import { plainForm, type Form } from './form.ts'

/** A text of a column: what its type allows, its length in characters as Postgres counts them. */
export function stringForm(pgType: string): Form {
  const { base, modifiers } = parsePgTypeName(pgType)
  const most = modifiers[0]
  const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0')
  const form = (rule: (text: string) => boolean, need: string): Form =>
    plainForm('string', (value) => isText(value) && rule(value), need)
  if (base === 'uuid') {
    return form((text) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text), 'a uuid in lower case')
  }
  if (base === 'bit' || base === 'bit varying') {
    const isLong = (text: string): boolean =>
      most === undefined || (base === 'bit' ? text.length === most : text.length <= most)
    return form((text) => /^[01]*$/.test(text) && isLong(text), `a ${pgType}`)
  }
  if (most === undefined) return form(() => true, 'text without U+0000')
  if (base === 'character') {
    return form(
      (text) => isWithin(text, most) && !isWithin(text, most - 1),
      `${most} characters, blanks at the end among them`,
    )
  }
  return form((text) => isWithin(text, most), `at most ${most} characters`)
}

/** Code points take one or two units; a text that is far too long is not walked. */
function isWithin(text: string, most: number): boolean {
  return text.length <= most || (text.length <= 2 * most && Array.from(text).length <= most)
}
