/** Text to write as it is, between values that are still to be written. */
class Mark {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * A text that is the same for two public values exactly if they are equal: rows are compared at the edges only, a swap
 * of states or a reader that fell behind, never on the way of a change. JSON may be nested thousands of levels deep, so
 * no call is made for a level.
 */
export function identityOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return leafIdentity(value)
  const parts: string[] = []
  const pending: unknown[] = [value]
  while (pending.length > 0) {
    const next = pending.pop()
    if (next instanceof Mark) parts.push(next.text)
    else if (typeof next === 'object' && next !== null) objectIdentity(next, parts, pending)
    else parts.push(leafIdentity(next))
  }
  return parts.join('')
}

function leafIdentity(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `s${JSON.stringify(value)}`
    case 'number':
      return Object.is(value, -0) ? 'd0' : `d${value}`
    case 'bigint':
      return `i${value}`
    case 'boolean':
      return value ? 't' : 'f'
    default:
      return 'n'
  }
}

/** Writes what needs no look at members; the rest goes on the stack, last first. */
function objectIdentity(value: object, parts: string[], pending: unknown[]): void {
  if (value instanceof Date) parts.push(`D${value.getTime()}`)
  else if (value instanceof Uint8Array) parts.push(`b${Buffer.from(value).toString('hex')}`)
  else if (Array.isArray(value)) {
    parts.push('[')
    pending.push(new Mark(']'))
    for (let index = value.length - 1; index >= 0; index -= 1) pending.push(value[index], COMMA)
    if (value.length > 0) pending.pop()
  } else if ('toFixed' in value && typeof value.toFixed === 'function') {
    parts.push(`m${String(value.toFixed())}`)
  } else {
    parts.push('{')
    pending.push(new Mark('}'))
    const entries = Object.entries(value).toReversed()
    for (const [name, item] of entries) pending.push(item, new Mark(`${JSON.stringify(name)}:`), COMMA)
    if (entries.length > 0) pending.pop()
  }
}

const COMMA = new Mark(',')
