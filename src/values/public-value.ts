import type { ValueCodec } from './value-codec.ts'
import type { Value } from './value.ts'

const WORDS = new Int32Array(2)

/**
 * What a reader sees of an expression's value, as Prisma Client shows a column of that type: null for NULL.
 *
 * Throws: CHANGES.UNDECODABLE_VALUE for a value that no value of the client can stand for, as `infinity` as a Date.
 */
export function publicValue(codec: ValueCodec, value: Value): unknown {
  if (value === null) return null
  switch (codec.storage) {
    case 'int32':
      return codec.publicOf(codec.keptOf(value))
    case 'float64':
      return codec.publicOf(codec.keptOf(value))
    case 'int64':
      codec.write(value, WORDS)
      return codec.publicOf(WORDS[0]!, WORDS[1]!)
    default:
      return codec.publicFromText(codec.textOf(value))
  }
}
