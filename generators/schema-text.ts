/** What only the text of the schema tells: Prisma's data model leaves it out. */
export interface SchemaText {
  /** Names of `view` blocks; they are among the models of the data model. */
  readonly views: ReadonlySet<string>
  /** Postgres schema by enum name, for enums with `@@schema`. */
  readonly enumSchemas: ReadonlyMap<string, string>
  /** Generator blocks by name: raw right-hand sides by property. */
  readonly generators: ReadonlyMap<string, ReadonlyMap<string, string>>
}

const STRING_OR_COMMENT = /"(?:\\.|[^"\\\n])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
const BLOCK = /^(view|enum|generator)\s+(\w+)\s*\{([\s\S]*?)^\}/gm
const ENUM_SCHEMA = /^\s*@@schema\(\s*(?:map:\s*)?("(?:\\.|[^"\\])*")\s*\)/m
const PROPERTY = /^\s*(\w+)\s*=\s*(.+?)\s*$/gm

/**
 * Reads blocks out of the schema's text as Prisma reprints it: each block opens at the start of a line and
 * its closing brace stands alone at the start of one. Comments are dropped first; they may hold anything.
 */
export function readSchemaText(datamodel: string): SchemaText {
  const text = datamodel.replaceAll(STRING_OR_COMMENT, (token) =>
    token.startsWith('"') ? escapeLines(token) : '',
  )
  const views = new Set<string>()
  const enumSchemas = new Map<string, string>()
  const generators = new Map<string, ReadonlyMap<string, string>>()
  for (const [, kind, name = '', body = ''] of text.matchAll(BLOCK)) {
    if (kind === 'view') views.add(name)
    if (kind === 'enum') {
      const literal = ENUM_SCHEMA.exec(body)?.[1]
      if (literal !== undefined) enumSchemas.set(name, readString(literal) ?? '')
    }
    if (kind === 'generator') {
      generators.set(
        name,
        new Map([...body.matchAll(PROPERTY)].map(([, key = '', value = '']) => [key, value])),
      )
    }
  }
  return { views, enumSchemas, generators }
}

/** A literal without the characters at which `^` and `$` see a line: a label may hold what looks like a block. */
function escapeLines(literal: string): string {
  return literal.replaceAll(
    /[\r\u2028\u2029]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The value of a string literal of the schema; undefined for anything else, such as `env("X")`. */
export function readString(literal: string): string | undefined {
  try {
    const value: unknown = JSON.parse(literal)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
