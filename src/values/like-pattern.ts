import { evaluationError } from './evaluation-error.ts'
import { lowerText } from './text-functions.ts'

/** One piece of a pattern: a character, any character, any characters, or the escape character at the very end. */
type Piece = { readonly character: string } | 'one' | 'many' | 'dangling'

/** Tells whether a text matches. */
export type LikeTest = (text: string) => boolean

/**
 * Compiles a pattern of LIKE or, with `ignoreCase`, of ILIKE under COLLATE "C": `_` is one code point, `%` any number. An
 * empty `escape` is none.
 *
 * The test throws VIEW.EVALUATION 22025 where Postgres does: if matching comes to an escape character at the pattern's end.
 */
export function makeLike(pattern: string, escape: string, ignoreCase: boolean): LikeTest {
  const exact = piecesOf(pattern, escape)
  const pieces = ignoreCase ? exact.map(lowerPiece) : exact
  const plain = prefixOf(pieces)
  if (plain !== null) {
    const { text: wanted, open } = plain
    if (ignoreCase) {
      return open ? (text) => lowerText(text).startsWith(wanted) : (text) => lowerText(text) === wanted
    }
    return open ? (text) => text.startsWith(wanted) : (text) => text === wanted
  }
  return (text) => matches(Array.from(ignoreCase ? lowerText(text) : text), pieces)
}

/** Whether a pattern ends with a lone escape character, so that some text would make it fail. */
export function isDangling(pattern: string, escape: string): boolean {
  return piecesOf(pattern, escape).includes('dangling')
}

function piecesOf(pattern: string, escape: string): readonly Piece[] {
  const characters = Array.from(pattern)
  const pieces: Piece[] = []
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? ''
    if (character === escape) {
      index += 1
      const escaped = characters[index]
      pieces.push(escaped === undefined ? 'dangling' : { character: escaped })
    } else if (character === '%') pieces.push('many')
    else if (character === '_') pieces.push('one')
    else pieces.push({ character })
  }
  return pieces
}

/** `abc` and `abc%`, the patterns that need no walk. */
function prefixOf(pieces: readonly Piece[]): { readonly text: string; readonly open: boolean } | null {
  const open = pieces.at(-1) === 'many'
  let text = ''
  for (const piece of open ? pieces.slice(0, -1) : pieces) {
    if (typeof piece === 'string') return null
    text += piece.character
  }
  return { text, open }
}

function lowerPiece(piece: Piece): Piece {
  return typeof piece === 'string' ? piece : { character: lowerText(piece.character) }
}

/** Greedy from the left: after a `%` only the last one is ever tried again, so the cost is the product of the lengths. */
function matches(text: readonly string[], pieces: readonly Piece[]): boolean {
  let at = 0
  let piece = 0
  let retryText = 0
  let retryPiece = -1
  while (at < text.length) {
    let wanted = pieces[piece]
    if (wanted === 'many') {
      for (; wanted === 'many' || wanted === 'one'; wanted = pieces[piece]) {
        if (wanted === 'one') at += 1
        if (at > text.length) return false
        piece += 1
      }
      // Nothing more is wanted: the rest of the text is not looked at.
      if (wanted === undefined) return true
      if (wanted === 'dangling') throw evaluationError('22025')
      retryPiece = piece
      retryText = at
      continue
    }
    if (wanted === 'dangling') throw evaluationError('22025')
    if (wanted !== undefined && (wanted === 'one' || wanted.character === text[at])) {
      at += 1
      piece += 1
    } else if (retryPiece < 0) return false
    else {
      retryText += 1
      at = retryText
      piece = retryPiece
    }
  }
  return pieces.slice(piece).every((rest) => rest === 'many')
}
