/** What a statement that only reads begins with; also those of a transaction that change nothing by themselves. */
const READS = new Set([
  'select',
  'with',
  'values',
  'table',
  'show',
  'begin',
  'start',
  'set',
  'savepoint',
  'release',
  'rollback',
])

/** Words that make a statement write wherever they stand. FOR UPDATE is among them: it is not worth telling apart. */
const WRITES = new Set([
  'insert',
  'update',
  'delete',
  'merge',
  'into',
  'analyze',
  'execute',
  'call',
  'prepared',
])

/** What may stand before a parenthesis in a statement that reads: syntax, and functions that Postgres itself has and that change nothing. */
const BEFORE_PARENTHESIS = new Set(
  [
    'all and any array as between by case cast coalesce cube distinct else except exists extract filter from greatest grouping group having',
    'ilike in intersect is join lateral least like limit not nullif offset on or order over partition rollup row select sets similar some then',
    'materialized union using values when where with within',
    'bit char character decimal numeric time timestamp timestamptz varchar',
    'abs array_agg array_append array_length array_position array_to_json avg bit_and bit_or bool_and bool_or cardinality ceil ceiling char_length',
    'concat concat_ws count date_part date_trunc dense_rank every first_value floor format json_agg json_array_length json_build_array',
    'json_build_object json_object_agg jsonb_agg jsonb_array_elements jsonb_array_length jsonb_build_array jsonb_build_object',
    'jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_typeof lag last_value lead left length lower ltrim max md5 min mod now',
    'ntile percent_rank plainto_tsquery position power rank regexp_match regexp_replace replace right round row_number row_to_json rtrim sign',
    'split_part sqrt string_agg strpos substr substring sum to_char to_json to_jsonb to_timestamp to_tsquery to_tsvector trim trunc ts_rank',
    'ts_rank_cd unnest upper websearch_to_tsquery',
  ].flatMap((line) => line.split(' ')),
)

/** Blanks and comments (one inside another is left over), texts without a backslash, quoted names, parameters, words, numbers, else one character. */
const TOKEN =
  /\s+|--[^\n\r]*|\/\*(?:(?!\/\*|\*\/)[^])*\*\/|'[^'\\]*'|"[^"]*"|\$\d+|[\p{L}_][\p{L}\p{N}_$]*|\d[\w.]*|[^]/gu

/** Prisma Client says the same few texts again and again, and to read one takes some 20 us. */
const MAX_KNOWN = 1_000
const known = new Map<string, boolean>()

/**
 * Whether a statement may change rows, by its text: false is certain, true may be one that only reads.
 *
 * False only for a query without a word that writes, which calls nothing but functions known to change nothing, and whose
 * text holds nothing that would have to be read twice (a backslash, a dollar quote). What hides a write behind
 * an operator, a cast, a policy or a database view is not seen.
 */
export function mayWrite(sql: string): boolean {
  let answer = known.get(sql)
  if (answer === undefined) {
    answer = readStatement(sql)
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(sql, answer)
  }
  return answer
}

function readStatement(sql: string): boolean {
  let first = true
  let before = ''
  for (const [token] of sql.matchAll(TOKEN)) {
    const [start = ''] = token
    if (/\s/.test(start) || token.startsWith('--') || (token.startsWith('/*') && token.length > 1)) continue
    // Left over: a text, a name, a comment or a dollar quote that was not understood.
    if (token === "'" || token === '"' || token === '$' || token === '\\') return true
    if (token === '*' && before === '/') return true
    if (token === '(' && !first && isCall(before)) return true
    const word = /[\p{L}_]/u.test(start) ? token.toLowerCase() : token
    if (WRITES.has(word)) return true
    if (first && word !== '(') {
      if (!READS.has(word)) return true
      first = false
    }
    // A function of a schema is not the one that is known.
    before = before === '.' ? `.${word}` : word
  }
  return false
}

function isCall(before: string): boolean {
  return /^[."\p{L}_]/u.test(before) && !BEFORE_PARENTHESIS.has(before)
}
