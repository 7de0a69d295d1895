import fc from 'fast-check'
import type { ColumnContract, SchemaContract } from '../../src/contract/schema-contract.ts'
import { formatArrayLiteral } from '../../src/values/array-literal.ts'
import { parsePgTypeName } from '../../src/values/pg-type.ts'

/** What the tests insert into a column, as texts that Postgres reads. */
export interface ValueSource {
  /** Always among the values. */
  readonly extremes: readonly string[]
  readonly random: fc.Arbitrary<string>
  /** Values that the column may hold and no client type can show. */
  readonly unshowable: readonly string[]
}

const pad = (value: number | bigint, width: number): string => String(value).padStart(width, '0')

/** Everything that some layer treats specially, and whole planes of Unicode; never a NUL or a lone surrogate. */
const PIECES = ['\\', '\\N', '\\.', '\t', '\n', '\r\n', '\b', '\f', '\v', '"', "'", ',', '{', '}', '(', ' ', '\u2028', '\u2029', '\uFEFF', '\u0001', '\u007F', 'NULL', 'null', '$1', '%', '😀', '\u{10FFFF}', 'é', 'e\u0301', 'ß', '\uD7FF', '\uE000', 'a', 'Z', '0'] // prettier-ignore
const codePoint = fc
  .integer({ min: 1, max: 0x10_ffff })
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code))
const character = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 1, arbitrary: codePoint },
)

/** Texts of at most so many code points. */
function text(length: number): fc.Arbitrary<string> {
  return fc
    .array(character, { maxLength: Math.min(length, 12) })
    .map((parts) => Array.from(parts.join('')).slice(0, length).join(''))
}

function texts(length: number): ValueSource {
  const cut = (value: string): string => Array.from(value).slice(0, length).join('')
  const extremes = ['', ' ', '  x  ', ...PIECES, 'x\\', '\\x41', '\\012', '[0:1]={1,2}', '-0'].map(cut)
  return { extremes, random: text(length), unshowable: [] }
}

function integers(min: bigint, max: bigint): ValueSource {
  const extremes = [min, min + 1n, -1n, 0n, 1n, max - 1n, max].filter((value) => value >= min)
  const random = fc.oneof(fc.bigInt({ min, max }), fc.bigInt({ min: min < 0n ? -999n : 0n, max: 999n }))
  return { extremes: extremes.map(String), random: random.map(String), unshowable: [] }
}

/** -0 needs a text; JavaScript writes 0. */
const floatText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

function floats(isReal: boolean): ValueSource {
  const limits = isReal
    ? ['3.4028235e38', '-3.4028235e38', '1e-45', '-1e-45', '1.1754944e-38', '16777217', '0.1', '0.3', '3842880.25']
    : ['1.7976931348623157e308', '-1.7976931348623157e308', '5e-324', '-5e-324', '2.2250738585072014e-308', '9007199254740993', '0.1', '0.30000000000000004', '1e22', '1e23'] // prettier-ignore
  const any = isReal ? fc.float() : fc.double()
  const short = fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(9)).map(([n, scale]) => n / 10 ** scale)
  return {
    extremes: ['NaN', 'Infinity', '-Infinity', '0', '-0', '1', '-1', '123456789', ...limits],
    random: fc
      .oneof(
        any,
        short.map((value) => (isReal ? Math.fround(value) : value)),
      )
      .map(floatText),
    unshowable: [],
  }
}

const digits = (length: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.bigInt({ min: 0n, max: 10n ** BigInt(Math.max(length, 0)) - 1n }).map(String),
    fc.nat({ max: Math.min(9_999, 10 ** Math.min(length, 4) - 1) }).map(String),
  )

/** A numeric of at most so many digits before and behind the point. */
function decimals(whole: number, scale: number): fc.Arbitrary<string> {
  return fc
    .tuple(fc.boolean(), digits(whole), scale === 0 ? fc.constant('') : digits(scale), fc.nat(scale))
    .map(([isNegative, head, tail, zeros]) => {
      const fraction = `${'0'.repeat(zeros)}${tail}`.slice(0, scale)
      return `${isNegative ? '-' : ''}${head}${fraction === '' ? '' : `.${fraction}`}`
    })
}

function numerics(precision: number | undefined, scale: number): ValueSource {
  if (precision === undefined) {
    const huge = [
      '9'.repeat(131_072),
      `-${'1234567890'.repeat(13_107)}`,
      `1${'0'.repeat(131_071)}.${'0'.repeat(16_382)}1`,
      `0.${'0'.repeat(16_382)}1`,
    ]
    const special = [
      'NaN',
      'Infinity',
      '-Infinity',
      '0',
      '-0',
      '0.000',
      '1.10',
      '1.1',
      '1e-20',
      '-1e40',
      '1e131071',
    ]
    return { extremes: [...special, ...huge], random: decimals(40, 20), unshowable: [] }
  }
  const whole = precision - scale
  const nines = `${'9'.repeat(whole) || '0'}${scale === 0 ? '' : `.${'9'.repeat(scale)}`}`
  const least = scale === 0 ? '1' : `0.${'0'.repeat(scale - 1)}1`
  return {
    extremes: ['NaN', '0', '-0', '1', '-1', nines, `-${nines}`, least, `-${least}`],
    random: decimals(whole, scale),
    unshowable: [],
  }
}

const year = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1970, max: 2100 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 9999 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      1,
      4,
      99,
      100,
      400,
      1582,
      1600,
      1752,
      1899,
      1900,
      1969,
      1970,
      2000,
      2038,
      9999,
    ),
  },
)
const day = fc
  .tuple(year, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 31 }))
  .map(([y, m, d]) => {
    const last = new Date(Date.UTC(2000, m, 0))
    last.setUTCFullYear(y, m, 0)
    return `${pad(y, 4)}-${pad(m, 2)}-${pad(Math.min(d, last.getUTCDate()), 2)}`
  })
const clock = fc
  .tuple(
    fc.nat(23),
    fc.nat(59),
    fc.nat(59),
    fc.oneof(
      fc.nat(999_999),
      fc.nat(999).map((ms) => ms * 1000),
      fc.constant(0),
    ),
  )
  .map(([h, m, s, us]) => `${pad(h, 2)}:${pad(m, 2)}:${pad(s, 2)}${us === 0 ? '' : `.${pad(us, 6)}`}`)
const offset = fc.constantFrom(
  '+00',
  '+05:30',
  '-12',
  '+14',
  '-03:30',
  '+05:45',
  '+15:59',
  '-15:59',
  '+01:02:03',
)

const DAYS = ['0001-01-01', '0004-02-29', '1582-10-10', '1600-02-29', '1900-02-28', '1969-12-31', '1970-01-01', '2000-02-29', '2024-02-29', '9999-12-31'] // prettier-ignore
const FAR_DAYS = [
  'infinity',
  '-infinity',
  '0001-12-31 BC',
  '0044-03-15 BC',
  '4714-11-24 BC',
  '10000-01-01',
  '294276-12-31',
]

function dates(): ValueSource {
  return { extremes: DAYS, random: day, unshowable: [...FAR_DAYS, '5874897-12-31'] }
}

function timestamps(withZone: boolean): ValueSource {
  const ends = DAYS.flatMap((date) => [`${date} 00:00:00`, `${date} 23:59:59`])
  const micros = ['1969-12-31 23:59:59.999999', '1970-01-01 00:00:00.000001', '2000-01-01 00:00:00.0005', '2016-12-31 23:59:59.5'] // prettier-ignore
  const zoned = withZone
    ? ['2024-03-10 02:30:00-05', '2024-01-01 00:00:00+14', '0001-01-01 15:59:00+15:59']
    : []
  const utc = withZone ? (value: string): string => `${value}+00` : (value: string): string => value
  const far = FAR_DAYS.map((value) => (withZone && !value.includes('infinity') ? `${value.replace(' BC', '')} 12:00:00+00${value.endsWith(' BC') ? ' BC' : ''}` : value)) // prettier-ignore
  // Years 2 to 9998, so that an offset does not leave them.
  const inside = day.map((value) => value.replace(/^0001/, '0002').replace(/^9999/, '9998'))
  return {
    extremes: [...[...ends, ...micros].map(utc), ...zoned],
    random: fc.tuple(inside, clock, withZone ? offset : fc.constant('')).map(([d, c, z]) => `${d} ${c}${z}`),
    unshowable: far,
  }
}

function times(withZone: boolean): ValueSource {
  const extremes = [
    '00:00:00',
    '24:00:00',
    '23:59:59',
    '00:00:00.001',
    '12:30:00.5',
    '13:14:15.678',
    '00:00:00.000999',
  ]
  return {
    extremes: withZone
      ? extremes.flatMap((value) => [`${value}+00`, `${value}+05:30`, `${value}-15:59`])
      : extremes,
    random: withZone ? fc.tuple(clock, offset).map(([c, z]) => c + z) : clock,
    unshowable: [],
  }
}

/** JSON as Postgres takes it: no NUL, no lone surrogates. */
const jsonString = text(8).map((value) => JSON.stringify(value))
const jsonNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
  fc.constantFrom('1e400', '-1e400', '1e-400', '-0', '0.10', '1E5', '9007199254740993'),
)
const jsonLeaf = fc.oneof(jsonString, jsonNumber, fc.constantFrom('null', 'true', 'false', '{}', '[]'))
const jsonText = fc.oneof(
  jsonLeaf,
  fc.array(jsonLeaf, { maxLength: 4 }).map((items) => `[${items.join(' , ')}]`),
  fc.array(fc.tuple(jsonString, jsonLeaf), { maxLength: 4 }).map((members) => `{${members.map(([name, item]) => `${name}:${item}`).join(',')}}`), // prettier-ignore
)
const JSONS: ValueSource = {
  extremes: [
    '1e400',
    `1${'0'.repeat(400)}`,
    '-0',
    '"\\u2028 \\ud83d\\ude00 \\\\ \\" \\t"',
    '{"__proto__":{"a":1},"constructor":2,"toString":null}',
    '{"a":1,"a":2,"b":[[],{}]}',
    '{"":""}',
    '""',
    ' [ 1 , 2 ] ',
    `${'['.repeat(900)}${']'.repeat(900)}`,
    '12345678901234567890123456789.5',
  ],
  random: jsonText,
  unshowable: [],
}

const bytes: ValueSource = {
  extremes: ['\\x', '\\x00', '\\xff', `\\x${Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join('')}`, '\\x5c785c', '\\x0a0d09'], // prettier-ignore
  random: fc.uint8Array({ maxLength: 24 }).map((value) => `\\x${Buffer.from(value).toString('hex')}`),
  unshowable: [],
}

function bits(length: number, isExact: boolean): ValueSource {
  const width = Number.isFinite(length) ? length : 70
  const random = fc
    .array(fc.constantFrom('0', '1'), { minLength: isExact ? width : 0, maxLength: width })
    .map((parts) => parts.join(''))
  const extremes = ['0'.repeat(width), '1'.repeat(width), ...(isExact ? [] : ['', '1'])]
  return { extremes, random, unshowable: [] }
}

const inet: ValueSource = {
  extremes: ['0.0.0.0', '255.255.255.255', '10.0.0.1/8', '10.0.0.1/32', '::', '::1/128', '::ffff:1.2.3.4', '2001:db8::/32', 'fe80::1:2:3:4/64'], // prettier-ignore
  random: fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, length]) => `${address}/${length}`),
    fc.ipV6(),
  ),
  unshowable: [],
}

const xml: ValueSource = {
  extremes: ['', '<a/>', '<?xml version="1.0" encoding="LATIN1"?><a>é</a>', '<?xml version="1.0"?><a/>', 'text & <b>é</b>'.replace('&', '&amp;'), '<a>\n\t\u2028😀\\</a>', '<a b="&lt;\'"/>', '<![CDATA[<x>]]>'], // prettier-ignore
  random: fc
    .array(fc.constantFrom('é', '😀', '\\', '\t', '\n', '&amp;', '&lt;', 'x', ' ', '\u2028', '"', "'"), {
      maxLength: 8,
    })
    .map((parts) => `<a>${parts.join('')}</a>`),
  unshowable: [],
}

const uuid: ValueSource = {
  extremes: ['00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', '{a0eebc999c0b4ef8bb6d6bb9bd380a11}'], // prettier-ignore
  random: fc.uuid(),
  unshowable: [],
}

/** What a column of the contract is filled with; throws for a type that nobody thought of. */
export function valuesOf(column: ColumnContract, contract: SchemaContract): ValueSource {
  if (column.list) return lists(valuesOf({ ...column, list: false }, contract), column.type === 'Json')
  if (column.enum !== undefined) {
    const labels =
      contract.enums.find(({ name }) => name === column.enum)?.values.map(({ label }) => label) ?? []
    return { extremes: labels, random: fc.constantFrom(...labels), unshowable: [] }
  }
  const { base, modifiers } = parsePgTypeName(column.pgType)
  const [first, second = 0] = modifiers
  switch (base) {
    case 'smallint':
      return integers(-(2n ** 15n), 2n ** 15n - 1n)
    case 'integer':
      return integers(-(2n ** 31n), 2n ** 31n - 1n)
    case 'bigint':
      return integers(-(2n ** 63n), 2n ** 63n - 1n)
    case 'oid':
      return integers(0n, 2n ** 32n - 1n)
    case 'real':
    case 'double precision':
      return floats(base === 'real')
    case 'numeric':
      return numerics(first, second)
    case 'money':
      return { extremes: ['1.00'], random: fc.constant('-12.34'), unshowable: [] }
    case 'boolean':
      return { extremes: ['t', 'f'], random: fc.constantFrom('t', 'f'), unshowable: [] }
    case 'text':
    case 'citext':
    case 'character':
    case 'character varying':
      return texts(first ?? Infinity)
    case 'uuid':
      return uuid
    case 'xml':
      return xml
    case 'inet':
      return inet
    case 'bit':
    case 'bit varying':
      return bits(first ?? Infinity, base === 'bit')
    case 'json':
    case 'jsonb':
      return JSONS
    case 'bytea':
      return bytes
    case 'date':
      return dates()
    case 'timestamp without time zone':
    case 'timestamp with time zone':
      return timestamps(base.endsWith('with time zone'))
    case 'time without time zone':
    case 'time with time zone':
      return times(base.endsWith('with time zone'))
    default:
      throw new Error(`no values for ${column.field} of type ${column.pgType}`)
  }
}

/** Lists with and without bounds; of JSON with NULL elements, which other lists cannot show. */
function lists({ extremes, random, unshowable }: ValueSource, withNull: boolean): ValueSource {
  const element = fc.oneof({ weight: 4, arbitrary: random }, { weight: 1, arbitrary: fc.constantFrom(...extremes.filter((value) => value.length < 200)) }) // prettier-ignore
  const items = fc.array(withNull ? fc.option(element, { freq: 5 }) : element, { maxLength: 4 })
  const bounded = (elements: readonly (string | null)[], from: number): string =>
    elements.length === 0 ? '{}' : `[${from}:${from + elements.length - 1}]=${formatArrayLiteral(elements)}`
  const [first = ''] = extremes
  return {
    extremes: ['{}', bounded([first], 0), bounded([first, first], -2_147_483_647), bounded(extremes, 1), ...(withNull ? ['{NULL}'] : [])], // prettier-ignore
    random: fc.oneof(
      { weight: 4, arbitrary: items.map(formatArrayLiteral) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(items, fc.integer({ min: -9, max: 9 }))
          .map(([list, from]) => bounded(list, from)),
      },
    ),
    unshowable: [
      ...(withNull ? [] : ['{NULL}', formatArrayLiteral([first, null])]),
      `{${formatArrayLiteral([first])},${formatArrayLiteral([first])}}`,
      `[0:0][5:5]={${formatArrayLiteral([first])}}`,
      ...unshowable.map((value) => formatArrayLiteral([value])),
    ],
  }
}
