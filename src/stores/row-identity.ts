/**
 * A text that is the same for two public values exactly if they are equal: rows are compared at the edges only, a swap
 * of states or a reader that fell behind, never on the way of a change.
 */
export function identityOf(value: unknown): string {
  if (value === null || value === undefined) return 'n'
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
      return objectIdentity(value)
  }
}

function objectIdentity(value: object): string {
  if (value instanceof Date) return `D${value.getTime()}`
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return `[${value.map(identityOf).join(',')}]`
  if ('toFixed' in value && typeof value.toFixed === 'function') return `m${String(value.toFixed())}`
  const entries = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${identityOf(item)}`)
  return `{${entries.join(',')}}`
}
