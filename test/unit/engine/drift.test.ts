import { describe, expect, test } from 'vitest'
import { schema } from '../../../generated/dbsync/index.ts'
import { modelOf } from '../../../src/contract/lookup.ts'
import { compareFingerprints, type Drift } from '../../../src/engine/drift.ts'
import type { ColumnFingerprint, Fingerprints, TableFingerprint } from '../../../src/postgres/fingerprint.ts'

const NEED = { model: modelOf(schema, 'Visit'), fields: ['visitRating'] }

function column(number: number, more: Partial<ColumnFingerprint> = {}): ColumnFingerprint {
  return { number, type: '23:-1:0:', version: '700', labels: null, ...more }
}

const TABLE: TableFingerprint = {
  oid: 16_400,
  movedTo: null,
  columns: {
    user_id: column(1),
    restaurant_id: column(2, { type: '1043:259:100:' }),
    visit_rating: column(4),
  },
  shape: 'r|p|d|f|1',
  file: 16_400,
  partitions: null,
  membership: { row: 16_500, isListed: true, isFiltered: false, columns: null },
}

const PUBLICATION = { oid: 16_450, version: '710', isOwner: true, publishesAll: true, isViaRoot: true }

function state(
  table: Partial<TableFingerprint> = {},
  publication: Fingerprints['publication'] = PUBLICATION,
): Fingerprints {
  return { publication, tables: new Map([['Visit', { ...TABLE, ...table }]]) }
}

/** `isLost`, or the kind of the verdict on the one table, with its reason or code. */
function told({ isLost, tables }: Drift): string {
  const verdict = tables.get('Visit')
  if (isLost) return 'lost'
  if (verdict === undefined) return 'nothing'
  if (verdict.kind === 'stop') return `stop: ${verdict.error.code} ${verdict.error.message}`
  return 'reason' in verdict
    ? `${verdict.kind}${verdict.isLoss ? ' after a loss' : ''}: ${verdict.reason}`
    : verdict.kind
}

function compare(before: Partial<TableFingerprint>, after: Partial<TableFingerprint>): string {
  return told(compareFingerprints([NEED], state(before), state(after)))
}

const withColumn = (changed: Partial<ColumnFingerprint>): Partial<TableFingerprint> => ({
  columns: { ...TABLE.columns, visit_rating: column(4, changed) },
})

describe('two looks at the catalog', () => {
  const { visit_rating: _, ...without } = TABLE.columns
  const cases: readonly (readonly [string, Partial<TableFingerprint>, RegExp])[] = [
    ['nothing changed', {}, /^same$/],
    ['its file alone is another: VACUUM FULL, TRUNCATE', { file: 17_000 }, /^same$/],
    ['a column was touched without a rewrite: SET STATISTICS', withColumn({ version: '800' }), /^same$/],
    [
      'a column was touched and the file is another',
      { ...withColumn({ version: '800' }), file: 17_000 },
      /^reread: .*visit_rating.*rewritten/,
    ],
    ['a column was dropped or renamed', { columns: without }, /^reread: .*dropped or renamed/],
    ['a column of the name is another', withColumn({ number: 7 }), /^reread: .*made anew/],
    ['a column has another type', withColumn({ type: '20:-1:0:' }), /^reread: .*type/],
    ['the shape is another', { shape: 'r|p|n|f|1' }, /^check$/],
    ['nothing bears the name', { oid: null }, /^stop: CONTRACT\.TABLE_MISSING .*dropped/],
    [
      'the table has another name',
      { oid: null, movedTo: 'public.stay' },
      /^stop: CONTRACT\.TABLE_MISSING .*is now public\.stay/,
    ],
    ['another table bears the name', { oid: 17_001 }, /^reread after a loss: another table/],
    [
      'another table bears the name and is not published',
      { oid: 17_001, membership: { ...TABLE.membership, row: null, isListed: false } },
      /^mend after a loss/,
    ],
    [
      'the publication does not carry it',
      { membership: { ...TABLE.membership, row: null, isListed: false } },
      /^mend after a loss/,
    ],
    [
      'it was taken out and put back',
      { membership: { ...TABLE.membership, row: 16_501 } },
      /^reread after a loss: .*put back/,
    ],
    [
      'its rows are filtered',
      { membership: { ...TABLE.membership, isFiltered: true } },
      /^mend after a loss: .*filter/,
    ],
    [
      'used columns are left out',
      { membership: { ...TABLE.membership, columns: ['user_id', 'restaurant_id'] } },
      /^mend after a loss: .*columns/,
    ],
    [
      'only unused columns are left out',
      { membership: { ...TABLE.membership, columns: ['user_id', 'restaurant_id', 'visit_rating'] } },
      /^same$/,
    ],
  ]
  for (const [what, after, expected] of cases) {
    test(`${what}: ${expected.source}`, () => {
      expect(compare({}, after)).toMatch(expected)
    })
  }

  test('partitions that came, went, or have another file', () => {
    const leaf = { partitions: '1:700:1:d' }
    expect(compare(leaf, leaf)).toBe('same')
    for (const partitions of ['1:700:2:d', '1:900:1:d', '1:700:1:d,2:900:2:d', null]) {
      expect(compare(leaf, { partitions })).toBe('reread: its partitions changed')
    }
  })

  test('an enum that lost a label is read again, one that gained some is not', () => {
    const before = withColumn({ labels: ['a', 'b'] })
    expect(compare(before, withColumn({ labels: ['a', 'new', 'b'] }))).toBe('same')
    expect(compare(before, withColumn({ labels: ['a', 'c'] }))).toMatch(/^reread: a label/)
  })

  test('a publication that is gone, another one, or was altered, loses the stream; one of another owner does not', () => {
    const lost = (publication: Fingerprints['publication']): string =>
      told(compareFingerprints([NEED], state(), state({}, publication)))
    expect(lost(null)).toBe('lost')
    expect(lost({ ...PUBLICATION, oid: 1 })).toBe('lost')
    expect(lost({ ...PUBLICATION, version: '720' })).toBe('lost')
    expect(lost({ ...PUBLICATION, isOwner: false })).toBe('same')
  })

  test('what was wrong from the beginning is found by comparing a state with itself', () => {
    const filtered = { membership: { ...TABLE.membership, isFiltered: true } }
    expect(compare(filtered, filtered)).toMatch(/^mend/)
    expect(compare({ oid: null }, { oid: null })).toMatch(/^stop/)
  })
})
