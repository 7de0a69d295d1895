import fc from 'fast-check'

/** The texts of values of a type, with the borders where things go wrong. */
export const TEXTS = {
  smallint: integers(15),
  integer: integers(31),
  bigint: integers(63),
  numeric: fc.oneof(
    { weight: 6, arbitrary: decimals(12, 6) },
    { weight: 2, arbitrary: decimals(45, 30) },
    { weight: 2, arbitrary: decimals(2, 2) },
    { weight: 1, arbitrary: fc.constantFrom('0', '0.000', '1', '-1', '1e-16', '9999.5', '1e130', '0.5') },
    { weight: 1, arbitrary: fc.constantFrom('NaN', 'Infinity', '-Infinity') },
  ),
  'double precision': fc.oneof(
    fc.double({ noDefaultInfinity: false }).map(String),
    fc.double({ min: -1e6, max: 1e6, noNaN: true }).map(String),
    fc.constantFrom('0', '-0', '0.5', '1.5', '2.5', '-0.5', '1e308', '5e-324', '1234567890123455'),
    fc.integer({ min: -9, max: 9 }).map(String),
  ),
  real: fc.oneof(
    fc.float().map((value) => String(value)),
    fc.float({ min: -1000, max: 1000, noNaN: true }).map(String),
    fc.constantFrom('0', '0.1', '16777217', '1e38', '1e-44', '1.5'),
  ),
  boolean: fc.constantFrom('true', 'false'),
  text: fc.oneof(
    fc.string({
      unit: fc.constantFrom('a', 'b', 'B', 'ß', 'É', 'é', '日', '😀', ' ', '%', '_', '\\', 'x'),
      maxLength: 8,
    }),
    fc.string({ unit: 'binary', maxLength: 6 }).filter((text) => !/[\0\p{Surrogate}]/u.test(text)),
  ),
  date: fc.oneof(
    fc.integer({ min: -800_000, max: 3_000_000 }).map(dayText),
    fc.integer({ min: -2_440_588, max: -719_163 }).map(dayText),
    fc.constantFrom(
      '2024-02-29',
      '2000-12-31',
      '2021-01-03',
      'infinity',
      '-infinity',
      '4714-11-24 BC',
      '5874897-12-31',
    ),
  ),
  'timestamp without time zone': fc.oneof(
    instants(-62_135_596_800, 253_402_300_799),
    instants(-2_000_000_000, 4_000_000_000),
    fc.constantFrom(
      'infinity',
      '-infinity',
      '4714-11-24 00:00:00 BC',
      '294276-12-31 23:59:59.999999',
      '1970-01-01 00:00:00',
    ),
  ),
  'time without time zone': fc
    .integer({ min: 0, max: 86_399_999_999 })
    .map(
      (us) =>
        new Date(Math.floor(us / 1000)).toISOString().slice(11, 23) + String(us % 1000).padStart(3, '0'),
    ),
} as const
/** A type that the functions are tried with. */
export type Type = keyof typeof TEXTS

function integers(bits: number): fc.Arbitrary<string> {
  const most = 2n ** BigInt(bits) - 1n
  return fc.oneof(
    fc.bigInt({ min: -most - 1n, max: most }).map(String),
    fc.bigInt({ min: -20n, max: 20n }).map(String),
    fc.constantFrom(String(most), String(-most - 1n), '0', '-1', '1'),
  )
}

function decimals(digits: number, scale: number): fc.Arbitrary<string> {
  return fc
    .tuple(fc.bigInt({ min: -(10n ** BigInt(digits)), max: 10n ** BigInt(digits) }), fc.nat({ max: scale }))
    .map(([unscaled, cut]) => {
      const text = String(unscaled < 0n ? -unscaled : unscaled).padStart(cut + 1, '0')
      const point = cut === 0 ? text : `${text.slice(0, -cut)}.${text.slice(-cut)}`
      return unscaled < 0n ? `-${point}` : point
    })
}

/** The text of a day counted from 1970-01-01. */
export function dayText(days: number): string {
  const date = new Date(days * 86_400_000)
  const year = date.getUTCFullYear()
  const rest = date.toISOString().slice(-20, -14)
  return year > 0
    ? `${String(year).padStart(4, '0')}${rest}`
    : `${String(1 - year).padStart(4, '0')}${rest} BC`
}

function instants(from: number, to: number): fc.Arbitrary<string> {
  return fc.tuple(fc.integer({ min: from, max: to }), fc.nat({ max: 999_999 })).map(([seconds, us]) => {
    const iso = new Date(seconds * 1000).toISOString()
    return `${iso.slice(0, 10)} ${iso.slice(11, 19)}.${String(us).padStart(6, '0')}`
  })
}
