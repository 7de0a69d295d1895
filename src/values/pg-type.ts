/** A name that `format_type` prints, taken apart: `numeric(10,2)` is base `numeric`, modifiers 10 and 2. */
export interface PgTypeName {
  readonly base: string
  readonly modifiers: readonly number[]
}

const MODIFIED = /^([^("]+)\((-?\d+(?:,-?\d+)*)\)(.*)$/

/** Takes a name that `format_type` prints apart; the words after the modifiers belong to the base. */
export function parsePgTypeName(pgType: string): PgTypeName {
  const match = MODIFIED.exec(pgType)
  if (match === null) return { base: pgType, modifiers: [] }
  return { base: `${match[1]}${match[3]}`, modifiers: (match[2] ?? '').split(',').map(Number) }
}
