/**
 * The double of the text that Postgres prints for the `real` nearest to a number: the fewest digits that read back as it.
 * Reals are kept as these doubles, so that what is computed compares with what was read.
 */
export function shortestReal(value: number): number {
  const real = Math.fround(value)
  if (!Number.isFinite(real) || real === 0) return real
  for (let digits = 1; digits < 9; digits += 1) {
    const short = roundHalfEven(real, digits)
    if (Math.fround(short) === real && !isTie(short, real)) return short
  }
  return roundHalfEven(real, 9)
}

/** A finite number with that many significant digits: {@link significantDigits}. */
export function roundHalfEven(value: number, digits: number): number {
  return Number(significantDigits(value, digits))
}

/**
 * The text of a finite number with that many significant digits, `1.234e+5`. `toExponential` rounds halves away from zero,
 * Postgres to the even digit: 3842880.25 is 3842880.2.
 */
export function significantDigits(value: number, digits: number): string {
  // All digits, to tell a half from nearly a half; the limit is 100 since ES2018.
  // oxlint-disable-next-line oxc/number-arg-out-of-range
  const [mantissa = '', exponent] = value.toExponential(99).split('e')
  const all = mantissa.replace(/[.-]/g, '')
  const rest = all.slice(digits)
  const half = /^50*$/.test(rest) && /[02468]$/.test(all.slice(0, digits))
  const cut = mantissa.slice(0, mantissa.length - rest.length)
  return half ? `${cut}e${exponent}` : value.toExponential(digits - 1)
}

/** Half-way to the next `real`, where reading it back is a matter of rounding; Postgres avoids those. */
function isTie(short: number, real: number): boolean {
  const bits = new DataView(new ArrayBuffer(4))
  bits.setFloat32(0, real)
  return [-1, 1].some((step) => {
    const neighbour = new DataView(new ArrayBuffer(4))
    neighbour.setInt32(0, bits.getInt32(0) + step)
    return short === (real + neighbour.getFloat32(0)) / 2
  })
}
