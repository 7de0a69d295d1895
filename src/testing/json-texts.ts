import type { ColumnTexts } from './column-texts.ts'
import { fc } from './fast-check.ts'
import { anyText } from './string-texts.ts'

/** json and jsonb. Some numbers and repeated members are read otherwise by JavaScript, as by Prisma Client. */
export function jsonTexts(): ColumnTexts {
  const string = anyText(8).map((value) => JSON.stringify(value))
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
    fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
    fc.constantFrom('1e400', '-1e400', '1e-400', '-0', '0.10', '1E5', '9007199254740993'),
  )
  const leaf = fc.oneof(fc.constantFrom('{}', '[]', 'null', 'true', 'false'), string, number)
  const members = fc.array(
    fc.tuple(string, leaf).map(([name, value]) => `${name}:${value}`),
    { maxLength: 4 },
  )
  return {
    pool: ['{}', '1', '"a"', '[1, 2]', '{"a": 1}'],
    edges: ['null', '-0', '1e400', `1${'0'.repeat(150)}`, '"\\u2028 \\ud83d\\ude00 \\\\ \\" \\t"', '{"__proto__":{"a":1},"constructor":2,"toString":null}', '{"a":1,"a":2,"b":[[],{}]}', '{"":""}', '""', ' [ 1 , 2 ] ', `${'['.repeat(90)}${']'.repeat(90)}`, '12345678901234567890123456789.5'], // prettier-ignore
    random: fc.oneof(
      leaf,
      fc.array(leaf, { maxLength: 4 }).map((items) => `[${items.join(' , ')}]`),
      members.map((items) => `{${items.join(',')}}`),
    ),
  }
}
