import { join, resolve } from 'node:path'
import type { Node } from 'typescript/unstable/ast'
import {
  isBinaryExpression,
  isCallExpression,
  isConditionalExpression,
  isIdentifier,
  isNoSubstitutionTemplateLiteral,
  isParenthesizedExpression,
  isStringLiteral,
  isTemplateExpression,
} from 'typescript/unstable/ast/is'
import { API } from 'typescript/unstable/sync'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sources } from './sources.ts'

/*
 * Names and values get into SQL through the functions of core/quote.ts. Every template with a word of SQL in it is looked at:
 * what it interpolates is a call of one of these, or stands below with the reason why it is safe.
 */

const ROOT = resolve(import.meta.dirname, '../..')

/** Functions whose result may stand in a statement, and where they are. */
const QUOTING = new Set([
  'quoteIdentifier', // core/quote.ts
  'quoteLiteral',
  'quoteProtocolLiteral',
  'tableName', // postgres/table-name.ts: two quoted identifiers
  'watermarkSql', // snapshot/chunk-query.ts: a statement of two literals
  'selectSql', // snapshot/chunk-query.ts, looked at like any other
  'tupleOf', // literals
  'keyColumns', // quoted identifiers
  'writeExpression', // views/to-sql.ts, looked at whole below
  'writeItems', // views/query-sql.ts, looked at whole below
  'lsnLiteral', // stores/postgres/checkpoint.ts: a literal, or NULL
  'names', // stores/postgres/row-sql.ts: quoted identifiers
  'numbered', // stores/postgres/row-sql.ts: c and a number
  'keyMatch', // stores/postgres/row-sql.ts, looked at like any other
  'parameterRows', // stores/postgres/row-sql.ts, looked at like any other
])

/** Other interpolations, by file, each with its reason. */
const SAFE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'src/engine/ghosts.ts': {
    name: 'of tableName',
    texts: 'quoted identifiers',
    "key('held')": 'quoted identifiers after a constant',
    "key('asked')": 'quoted identifiers after a constant',
    "conditions.join(' AND ')": 'of boundsSql, without a condition of the application',
  },
  'src/engine/drift-mend.ts': { alter: 'a quoted identifier after a constant', table: 'of tableName' },
  'src/postgres/catalog.ts': {
    table: 'an alias, a constant',
    "identityOf('c')": 'a statement of constants',
    "identityOf('p')": 'a statement of constants',
  },
  'src/postgres/fingerprint.ts': {
    ofSchema: 'one of two constants',
    filter: 'one of two constants',
    narrowed: 'one of two constants',
    "rows.join(', ')": 'quoted literals and numbers',
  },
  'src/postgres/connect.ts': {
    name: 'the names of PINNED_SETTINGS, a constant',
    value: 'the values of PINNED_SETTINGS, a constant',
  },
  'src/postgres/check-columns.ts': { now: 'of quoteIdentifier', before: 'of quoteIdentifier' },
  'src/postgres/check-drift.ts': {
    'columnPlace(model, column)': 'in a message',
    index: 'a quoted identifier after a constant',
    list: 'quoted identifiers',
  },
  'src/postgres/check-limits.ts': { 'found.slots + 10': 'a number', 'found.senders + 10': 'a number' },
  'src/postgres/preflight.ts': { name: 'of tableName', schema: 'of quoteIdentifier' },
  'src/postgres/publication.ts': {
    publication: 'of quoteIdentifier',
    table: 'of tableName',
    "tables.join(', ')": 'of tableName',
    "models.map(tableName).join(', ')": 'of tableName',
    extra: 'one of two constants',
  },
  'src/postgres/replica-identity.ts': {
    'unusable.name': 'a regclass, quoted by the server',
    'otherKey(model, table)': 'in a message',
    kind: 'one of two constants',
    columns: 'quoted identifiers',
  },
  'src/postgres/role-rights.ts': { name: 'of quoteIdentifier', "unread.join(', ')": 'of tableName' },
  'src/postgres/reading-store.ts': { READING_STORE_SQL: 'a constant, in a message' },
  'src/replication/replication-session.ts': { slot: 'assertSlotName, just before: [a-z0-9_]' },
  'src/replication/slot.ts': { name: 'assertSlotName, just before: [a-z0-9_]' },
  'src/snapshot/chunk-query.ts': {
    name: 'of tableName',
    columns: 'quoted identifiers',
    keys: 'quoted literals',
    where: 'of the conditions',
    "conditions.join(' AND ')":
      'of boundsSql: quoted, but for the condition that the application itself wrote',
    order: 'quoted identifiers',
    'range.limit': 'a number of ChunkSize',
  },
  'src/stores/postgres/table-ddl.ts': {
    table: 'of tableName',
    column: 'of quoteIdentifier',
    "lines.join(',\\n')": 'quoted identifiers, types of the contract and constants',
    'list(names)': 'quoted identifiers',
  },
  'src/stores/postgres/row-sql.ts': {
    name: 'of tableName, or of quoteIdentifier',
    columns: 'quoted identifiers and types of the DDL',
    'table.name': 'of tableName',
    seen: 'of quoteIdentifier, after a constant',
    rows: 'of parameterRows',
    all: 'quoted identifiers',
    values: 'numbered columns; with casts to types of the DDL',
    keyValues: 'numbered columns',
    parameters: 'numbers, and types of the DDL',
    sqlType: 'a type of the DDL',
    place: 'a number',
    assignments: 'quoted identifiers and constants',
    noting: 'looked at like any other',
    isNew: 'looked at like any other',
    unique: 'one of two constants',
    matches: 'quoted identifiers and constants',
  },
  'src/stores/postgres/column-sql.ts': {
    rows: 'of parameterRows, or looked at like any other',
    'table.name': 'of tableName',
    match: 'of keyMatch',
    differs: 'quoted identifiers, numbered columns, parameters and types of the catalog',
    assignments: 'quoted identifiers, numbered columns, parameters and types of the catalog',
    gathered: 'of quoteIdentifier, after a constant',
    at: 'a number',
    "columns.join(', ')": 'numbered columns and types of the catalog',
    "changes.join(', ')": 'numbered columns',
    "keys.join(', ')": 'quoted identifiers and numbered columns',
    "match.join(' AND ')": 'quoted identifiers and numbered columns',
  },
  'src/stores/postgres/column-catalog.ts': {
    probe: 'of quoteIdentifier',
    sqlType: 'of format_type',
    expression: 'a default as the server writes it',
  },
  'src/stores/postgres/derived-columns.ts': {
    role: 'of quoteIdentifier',
    read: 'quoted identifiers',
    written: 'quoted identifiers',
  },
  'src/stores/postgres/derived-table.ts': {
    schema: 'of quoteIdentifier',
    role: 'of quoteIdentifier',
    'this.#written.name': 'of tableName',
  },
  'src/stores/postgres/replace-table.ts': { old: 'of quoteIdentifier', next: 'of quoteIdentifier' },
  'src/testing/empty-tables.ts': { "deletes.map(({ sql }) => sql).join('; ')": 'of deleteSql' },
  'src/testing/history.ts': { sql: 'of withLiterals: a statement of this folder, and quoted literals' },
  'src/testing/statement-sql.ts': {
    names: 'quoted identifiers',
    values: 'numbered parameters; with casts to types of the contract',
    assignments: 'quoted identifiers and numbered parameters',
    'whereSql(key, set.length + 1)': 'looked at like any other',
    'whereSql(key, 1)': 'looked at like any other',
    lists: 'numbered parameters',
    aliases: 'numbered names',
    "equations(key, from).join(' AND ')": 'quoted identifiers and numbered parameters',
  },
  'src/testing/read-both-sides.ts': { LOCK_MS: 'a number', "tables.join(', ')": 'of tableName' },
  'src/testing/shown-view.ts': { "columns.join(', ')": 'quoted identifiers', table: 'of tableName' },
  'src/testing/test-database.ts': { ACTIVE_SLOTS: 'a constant' },
  'src/views/sql/aggregate-sql.ts': {
    'writer.write(filter)': 'of writeExpression',
    'writeCall(aggregate, writer)': 'looked at like any other',
    call: 'of writeCall',
    condition: 'of writeExpression after a constant',
    name: 'the name of an aggregate of the IR',
    value: 'of writeExpression',
    by: 'of writeExpression and constants',
    "items.join(', ')": 'of writeExpression and constants',
    'writer.writeSorted(argument)': 'of writeExpression',
    'writer.writeSorted(expression)': 'of writeExpression',
  },
  'src/views/sql/query-sql.ts': {
    BREAK: 'a mark that becomes a line end',
    'SETS[kind]': 'a constant',
    'JOINS[join.kind]': 'a constant',
    name: 'of quoteIdentifier',
    rank: 'of quoteIdentifier, or a call of row_number',
    line: 'a line of SQL',
    first: 'of #relation: quoted names, or a query in parentheses',
    "first ?? ''": 'of #relation',
    "lines.at(-1) ?? ''": 'of #relation',
    value: 'of writeExpression',
    object: 'of writeObject: quoted literals and expressions',
    items: 'of writeItems',
    partition: 'of writeExpression',
    ordered: 'of writeItems',
    'this.#rank(names, order, limit, scope)': 'of writeExpression and quoteIdentifier',
    'conditions.join(`${BREAK} AND `)': 'of writeExpression and #exists',
    "conditions.join(' AND ')": 'numbers and a quoted identifier',
    'indent(indent(lines)).join(BREAK)': 'lines of SQL',
    "groupBy.map((item) => writeExpression(item, scope)).join(', ')": 'of writeExpression',
    "writeItems(order, scope).join(', ')": 'of writeExpression',
    "pairs.slice(at, at + 50).join(', ')": 'quoted literals and expressions',
    'writeJson(expression, scope)': 'of writeExpression',
    'limit.count': 'a number',
    'limit.offset': 'a number',
    offset: 'a number',
    'offset + count': 'a number',
  },
  'src/views/functions/cast-functions.ts': {
    value: 'of writeExpression',
    local: 'of writeExpression',
    to: 'a type of TARGETS, or numeric of two numbers',
  },
  'src/views/functions/collate.ts': { sql: 'of writeExpression' },
  'src/views/functions/comparison-functions.ts': {
    a: 'of writeExpression',
    b: 'of writeExpression',
    tested: 'of writeExpression',
    "candidates.join(', ')": 'of writeExpression',
    value: 'of writeExpression',
  },
  'src/views/functions/conditional-functions.ts': {
    part: 'of writeExpression',
    'type.pgType': 'a type that the functions compute, or one of the contract, known to the codecs',
  },
  'src/views/functions/date-functions.ts': {
    value: 'of writeExpression',
    local: 'of writeExpression',
    name: 'one of DATE_PARTS or TRUNC_UNITS',
  },
  'src/views/functions/number-functions.ts': { value: 'of writeExpression' },
  'src/views/sql/to-sql.ts': {
    value: 'a quoted literal',
    'type.pgType': 'of the contract; the literal’s own type, known to the codecs',
  },
}

/** Places where a statement is part of a message to a person, by the end of what stands before them. */
const MESSAGES: Readonly<Record<string, readonly string[]>> = {
  'src/testing/rows.ts': [
    'rows(${model.model}',
    'rows of ${relation.model}',
    'for ${model.model}',
    '${relation.field}',
  ],
  'src/stores/postgres/postgres-store.ts': ['The server answered COMMIT by ${command}'],
  'src/engine/diagnose.ts': ['Role "${role}'],
  'src/stores/postgres/check-derived-columns.ts': [
    'the output "${output}',
    'may be NULL and the field "${field}',
  ],
  'src/stores/postgres/check-table.ts': [
    "(${names.map(({ name }) => name).join(', ')}",
    'on PostgreSQL ${Math.floor(serverVersion / 10_000)}',
  ],
  'src/postgres/check-publication.ts': ['${message}', 'Publication "${name}'],
  'src/postgres/check-removal.ts': ['Publication "${name}', 'belongs to role "${publication.owner}'],
  'src/postgres/preflight.ts': ['Role "${server.role}'],
  'src/postgres/replica-identity.ts': ["(${key.join(', ')}", '"ALTER TABLE ${unusable.name}'],
  'src/postgres/publication.ts': [
    'ublication "${name}',
    'Publication "${name}" filters the rows of ${table}',
  ],
}

/** Files that write SQL and nothing else. */
const ALL_SQL = new Set([
  'src/views/sql/to-sql.ts',
  'src/views/sql/query-sql.ts',
  'src/views/sql/aggregate-sql.ts',
])

const SQL =
  /\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|JOIN|GROUP BY|ORDER BY|LIMIT|COPY|LOCK|SET|RESET|ALTER|CREATE|DROP|GRANT|BEGIN|COMMIT|SLOT|TABLE|IN|AS|AND|NULL|COLLATE|START_REPLICATION|CREATE_REPLICATION_SLOT|IDENTIFY_SYSTEM|publication_names)\b/

interface Interpolation {
  readonly path: string
  readonly text: string
  /** What stands before it in its template. */
  readonly before: string
  readonly expression: Node
}

/** What it writes is for people and reads like SQL; it is sent to no server. */
const FOR_PEOPLE = 'src/views/explain/'

let api: API
let interpolations: readonly Interpolation[]

beforeAll(() => {
  api = new API({ cwd: ROOT })
  const [project] = api.updateSnapshot({ openProject: join(ROOT, 'tsconfig.json') }).getProjects()
  const found = sources('src').filter(({ path }) => !path.startsWith(FOR_PEOPLE))
  interpolations = found.flatMap(({ path }) => {
    const file = project?.program.getSourceFile(join(ROOT, path))
    if (file === undefined) throw new Error(`${path} is not part of the project`)
    return inSql(path, file)
  })
})

afterAll(() => api.close())

/** What templates with SQL interpolate, and what is added to texts with SQL by `+`. */
function inSql(path: string, root: Node): Interpolation[] {
  const found: Interpolation[] = []
  // All of these is SQL, also where a piece holds no word of it.
  const isAllSql = ALL_SQL.has(path)
  const note = (expression: Node, before: string): void => {
    found.push({ path, text: expression.getText().replaceAll(/\s+/g, ' '), before, expression })
  }
  const visit = (node: Node): void => {
    if (isTemplateExpression(node)) {
      const text = [node.head.text, ...node.templateSpans.map((span) => span.literal.text)].join(' ')
      let before = node.head.text
      for (const span of node.templateSpans) {
        if (isAllSql || SQL.test(text)) note(span.expression, before)
        before += `\${${span.expression.getText()}}${span.literal.text}`
      }
    }
    if (isBinaryExpression(node) && node.operatorToken.getText() === '+') {
      const parts = summands(node)
      if (parts.some((part) => isText(part) && SQL.test(part.getText()))) {
        for (const part of parts) if (!isText(part)) note(part, '')
      }
    }
    node.forEachChild(visit)
  }
  root.forEachChild(visit)
  return found
}

function summands(node: Node): Node[] {
  if (isParenthesizedExpression(node)) return summands(node.expression)
  if (!isBinaryExpression(node) || node.operatorToken.getText() !== '+') return [node]
  return [...summands(node.left), ...summands(node.right)]
}

function isText(node: Node): boolean {
  return isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) || isTemplateExpression(node)
}

/** Whether an expression is a call of a quoting function, a constant, or a choice between such. */
function isQuoted(node: Node): boolean {
  if (isParenthesizedExpression(node)) return isQuoted(node.expression)
  if (isConditionalExpression(node)) return isQuoted(node.whenTrue) && isQuoted(node.whenFalse)
  if (isCallExpression(node)) return isIdentifier(node.expression) && QUOTING.has(node.expression.text)
  // A template inside is looked at by itself, if it has SQL.
  return isText(node)
}

/** The exceptions that an interpolation may be. */
function exceptionsOf({ path, text, before }: Interpolation): string[] {
  const told = (MESSAGES[path] ?? []).filter((end) => `${before}\${${text}`.endsWith(end.replace(/\}$/, '')))
  return [...(SAFE[path]?.[text] === undefined ? [] : [text]), ...told].map((entry) => `${path}: ${entry}`)
}

test('nothing gets into SQL but through the quoting functions', () => {
  const loose = interpolations.filter((one) => !isQuoted(one.expression) && exceptionsOf(one).length === 0)
  expect(loose.map(({ path, before, text }) => `${path}: ${before.slice(-30)}\${${text}}`)).toEqual([])
  expect(interpolations.length).toBeGreaterThan(50)
})

test('every exception is still needed', () => {
  const used = new Set(interpolations.filter((one) => !isQuoted(one.expression)).flatMap(exceptionsOf))
  const listed = [
    ...Object.entries(SAFE).flatMap(([path, texts]) => Object.keys(texts).map((text) => `${path}: ${text}`)),
    ...Object.entries(MESSAGES).flatMap(([path, texts]) => texts.map((text) => `${path}: ${text}`)),
  ]
  expect(listed.filter((entry) => !used.has(entry))).toEqual([])
})

test('quotes are doubled in one file', () => {
  const doubling = /replaceAll\(\s*(?:'"'|"'"|`'`|\/["']\/g?)/
  const found = sources('src').filter(({ code }) => doubling.test(code))
  // The other one reads and writes the text of arrays, which is a value.
  expect(found.map(({ path }) => path)).toEqual(['src/core/quote.ts', 'src/values/array-literal.ts'])
})

test('what reads like SQL and is for people comes to the command line and the application alone', () => {
  const users = sources('src')
    .filter(({ path }) => !path.startsWith(FOR_PEOPLE))
    .filter(({ code }) => code.includes('/explain/explain.ts'))
  expect(users.map(({ path }) => path)).toEqual(['src/cli/explain.ts', 'src/index.ts'])
})
