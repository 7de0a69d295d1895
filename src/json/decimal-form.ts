import type { DecimalConstructor } from '../contract/schema-contract.ts'
import { isNumericText } from '../values/numeric.ts'
import { parsePgTypeName } from '../values/pg-type.ts'
import { textForm, type Form } from './form.ts'

/**
 * A Decimal: its digits as text, with all those of the column's scale, as Postgres prints it. Fewer behind the point are
 * read as well.
 */
export function decimalForm(Decimal: DecimalConstructor, pgType: string): Form {
  const [precision, scale = 0] = parsePgTypeName(pgType).modifiers
  const size = precision === undefined ? undefined : { whole: precision - scale, scale }
  return textForm({
    // zod has no word for it.
    kind: 'Decimal',
    write(value) {
      const text = textOf(value)
      return text === undefined || size === undefined ? text : padded(text, size.scale)
    },
    read: (text) => (isNumericText(text) && fits(text, size) ? new Decimal(text) : undefined),
    need: size === undefined ? 'the digits of a numeric' : `the digits of a ${pgType}`,
  })
}

function textOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return 'toFixed' in value && typeof value.toFixed === 'function' ? String(value.toFixed()) : undefined
}

/** Digits before the point count without leading zeros; a scale may be larger than the precision. */
function fits(text: string, size: { readonly whole: number; readonly scale: number } | undefined): boolean {
  if (size === undefined) return true
  if (text.endsWith('Infinity')) return false
  const [whole = '', fraction = ''] = text.replace(/^-/, '').replace(/^0+/, '').split('.')
  return (
    text === 'NaN' || (whole.length <= Math.max(size.whole, 0) && fraction.length <= Math.max(size.scale, 0))
  )
}

function padded(text: string, scale: number): string {
  const [whole = '', fraction = ''] = text.split('.')
  if (!/^-?\d+$/.test(whole) || fraction.length >= scale) return text
  return `${whole}.${fraction.padEnd(scale, '0')}`
}
