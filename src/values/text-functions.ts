import { evaluationError } from './evaluation-error.ts'

/*
 * Postgres' text functions under COLLATE "C": letters are those of ASCII, characters are code points.
 */

/** `upper(text)`. */
export function upperText(text: string): string {
  return text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase())
}

/** `lower(text)`. */
export function lowerText(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** `length(text)`. */
export function textLength(text: string): number {
  let length = text.length
  // Every low surrogate is the second half of a character.
  for (let index = 0; index < text.length; index += 1) if (isLowSurrogate(text, index)) length -= 1
  return length
}

/** `btrim(text, characters)`: without any of the characters at both ends. */
export function trimText(text: string, characters: string): string {
  const set = new Set(characters)
  const all = Array.from(text)
  let start = 0
  let end = all.length
  while (start < end && set.has(all[start] ?? '')) start += 1
  while (end > start && set.has(all[end - 1] ?? '')) end -= 1
  return all.slice(start, end).join('')
}

/**
 * `substring(text from start for length)`: positions are counted from 1, and what lies before the text counts too.
 *
 * Throws: VIEW.EVALUATION 22011 if the length is negative.
 */
export function substringOf(text: string, start: number, length: number | null): string {
  if (length !== null && length < 0) throw evaluationError('22011')
  const from = Math.max(start, 1)
  const to = length === null ? Infinity : start + length
  if (to <= from) return ''
  if (textLength(text) === text.length) return text.slice(from - 1, to - 1)
  return Array.from(text)
    .slice(from - 1, to - 1)
    .join('')
}

/** `replace(text, from, to)`: every occurrence, left to right; an empty `from` occurs nowhere. */
export function replaceText(text: string, from: string, to: string): string {
  return from === '' ? text : text.replaceAll(from, () => to)
}

/** The order of two texts by their UTF-8 bytes: negative, zero or positive. */
export function compareText(a: string, b: string): number {
  const common = Math.min(a.length, b.length)
  for (let index = 0; index < common; index += 1) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left === right) continue
    // Surrogates stand for characters beyond all others, though their own codes are not the greatest.
    return byteRank(left) - byteRank(right)
  }
  return a.length - b.length
}

function byteRank(code: number): number {
  return code >= 0xd800 && code <= 0xdfff ? code + 0x1_0000 : code
}

function isLowSurrogate(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  return code >= 0xdc00 && code <= 0xdfff
}
