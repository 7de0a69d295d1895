/**
 * The texts of what an array or an object in JSON holds, in order: elements, or members with name and colon. Nothing is
 * parsed, so numbers keep all their digits and no depth is too deep.
 */
export function splitJson(text: string): readonly string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '[' || char === '{') {
      depth += 1
      if (depth === 1) start = at + 1
    } else if (char === ']' || char === '}' || (char === ',' && depth === 1)) {
      if (depth === 1) parts.push(text.slice(start, at).trim())
      if (char === ',') start = at + 1
      else depth -= 1
    }
  }
  return parts.length === 1 && parts[0] === '' ? [] : parts
}

/** Name and value of a member, the value as JSON. */
export function splitMember(member: string): readonly [name: string, value: string] {
  const end = endOfString(member, 0)
  return [String(JSON.parse(member.slice(0, end + 1))), member.slice(member.indexOf(':', end) + 1).trim()]
}

/** Where the string that begins at `at` has its closing quote. */
function endOfString(text: string, at: number): number {
  let end = at + 1
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end
}
