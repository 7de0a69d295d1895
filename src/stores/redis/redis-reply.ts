/** The text of a reply; null for none. A reader's client may be set to give bytes. */
export function replyText(reply: unknown): string | null {
  if (typeof reply === 'string') return reply
  if (typeof reply === 'number') return String(reply)
  return reply instanceof Uint8Array ? Buffer.from(reply).toString() : null
}

/** The elements of a reply; none if it is no list. */
export function replyList(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : []
}

/** Fields and their values. RESP 3 has maps, which the client makes objects; RESP 2 has lists of both by turns. */
export function replyMap(reply: unknown): ReadonlyMap<string, string> {
  const entries = Array.isArray(reply)
    ? pairsOf(reply)
    : Object.entries(typeof reply === 'object' && reply !== null ? reply : {})
  return new Map(entries.map(([field, value]) => [replyText(field) ?? '', replyText(value) ?? '']))
}

/** What stands in a list by turns. */
export function pairsOf(items: readonly unknown[]): (readonly [unknown, unknown])[] {
  return Array.from({ length: items.length / 2 }, (_, at) => [items[at * 2], items[at * 2 + 1]])
}
