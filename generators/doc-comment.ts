/**
 * A doc comment with that text, indented; empty if there is no text. The text may hold anything: it can
 * neither end the comment nor, at the comment's end, direct the compiler (`@ts-expect-error`).
 */
export function docComment(text: string | undefined, indent = ''): string {
  if (text === undefined || text.trim() === '') return ''
  const lines = text
    .replaceAll('*/', '*\\/')
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => line.trimEnd())
  if (lines.length === 1 && !text.includes('@')) return `${indent}/** ${lines[0]?.trimStart()} */\n`
  const body = lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')
  return `${indent}/**\n${body}\n${indent} */\n`
}
