import type { TypeIr } from '../view-ir.ts'
import { isText } from './types.ts'

/** A value as ORDER BY, comparisons and functions of letters take it: a text by its bytes; anything else as it is. */
export function collated(value: string | undefined, type: TypeIr | undefined): string {
  const sql = value ?? ''
  return type !== undefined && isText(type) ? `${sql} COLLATE "C"` : sql
}
