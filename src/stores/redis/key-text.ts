import { formatNumeric, parseNumeric } from '../../values/numeric.ts'
import { valueKind } from '../../values/value-of-text.ts'
import type { TypeIr } from '../../views/view-ir.ts'

/**
 * One text for values that Postgres holds equal: a row has one key, whichever of `1.5` and `1.50` its group shows, and
 * whether the text comes off the wire or from a reader's Decimal or Date.
 */
export function keyText(text: string, { pgType, list }: Pick<TypeIr, 'pgType' | 'list'>): string {
  switch (valueKind(pgType, list)) {
    case 'numeric': {
      const value = parseNumeric(text)
      if (value === undefined) return text
      let { unscaled, scale } = value
      for (; scale > 0 && unscaled % 10n === 0n; scale -= 1) unscaled /= 10n
      return formatNumeric({ unscaled, scale })
    }
    case 'real':
    case 'double':
      // Adding zero takes the sign off a zero.
      return String(Number(text) + 0)
    case 'instant':
    case 'time':
      return text
        .replace(/(?:Z|\+00)$/, '')
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '')
    default:
      return text
  }
}
