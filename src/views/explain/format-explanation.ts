import type { ExplainedStep, ExplainedTable, Explanation } from './explanation.ts'

/** An explanation for people, in lines. */
export function formatExplanation({
  views,
  tables,
  steps,
  changes,
  notes,
}: Omit<Explanation, 'toString'>): string {
  const isShared = views.length > 1
  return [
    `${views.length === 1 ? 'View' : 'Views'} ${views.join(', ')}`,
    '',
    'Tables',
    ...tables.flatMap(formatTable),
    '',
    'Steps',
    ...steps.flatMap((step) => formatStep(step, isShared)),
    '',
    'Cost of a change',
    ...changes.flatMap(({ name, cost, steps: through, factors }) => [
      `  ${name}: ${cost}, through ${through.join(', ')}`,
      ...factors.map(({ factor, at, reason }) => `    ${factor}: ${reason} (${at})`),
    ]),
    '',
    'Notes',
    ...notes.map((note) => `  ${note}`),
  ].join('\n')
}

function formatTable(table: ExplainedTable): readonly string[] {
  const { name, table: own, key, columns, indexes, bytesPerRow, bytesPerKey } = table
  return [
    `  ${name}${own === null ? '' : ` (${own})`}: ${bytesPerRow} bytes a row, about ${bytesPerKey} for its key (${key.join(', ')})`,
    `    columns ${columns.map((column) => `${column.field} ${column.isShared ? 'text' : column.bytes}`).join(', ')}`,
    ...indexes.map(
      ({ fields, bytesPerKey: bytes }) =>
        `    index (${fields.join(', ')}): 8 bytes of each row, about ${bytes} for each different value`,
    ),
  ]
}

function formatStep(step: ExplainedStep, isShared: boolean): readonly string[] {
  const { name, kind, views, from, where, groupBy, select, orderBy, limit, state } = step
  const owners = isShared && !(views.length === 1 && views[0] === name) ? `, for ${views.join(', ')}` : ''
  const map = state.bytesPerKey === 0 ? '' : `, about ${state.bytesPerKey} to find it`
  const lines: readonly (readonly [string, readonly string[]])[] = [
    ['FROM', from],
    ['WHERE', where],
    ['GROUP BY', groupBy],
    ['SELECT', select],
    ['ORDER BY', orderBy],
    ['LIMIT', limit === null ? [] : [limit]],
  ]
  return [
    `  ${name}${step.branch === 0 ? '' : `, branch ${step.branch + 1}`} (${kind})${owners}: ${state.bytes} bytes a ${state.per}${map}`,
    ...lines.flatMap(([word, items]) =>
      items.length === 0
        ? []
        : [`    ${word} ${items.join(word === 'WHERE' ? ' AND ' : word === 'FROM' ? ' ' : ', ')}`],
    ),
    ...state.more.map((more) => `    + ${more}`),
  ]
}
