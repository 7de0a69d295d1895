import type { Form, Pass } from './form.ts'

/** A JSON document: itself, not copied. Null is both JSON's and SQL's, as in Prisma Client. */
export const documentForm: Form = { encode: checked, decode: checked }

function checked(value: unknown, pass: Pass): unknown {
  return isJson(value) ? value : pass.need(value, 'what JSON can hold: no infinity, undefined or class')
}

/** Documents may be nested thousands of levels deep, so no call is made for a level. */
function isJson(document: unknown): boolean {
  const pending: unknown[] = [document]
  while (pending.length > 0) {
    const value = pending.pop()
    if (value === null || typeof value === 'string' || typeof value === 'boolean') continue
    if (typeof value === 'number' && Number.isFinite(value)) continue
    if (typeof value !== 'object') return false
    if (!Array.isArray(value) && !isPlain(value)) return false
    for (const part of Array.isArray(value) ? value : Object.values(value)) pending.push(part)
  }
  return true
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null)
}
