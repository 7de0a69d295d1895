import { expect, test } from 'vitest'
import * as dbsync from '../../src/index.ts'
import { defineRefusal, readClauses, readOperators, readRefusals, sqlOf, sqlOfClause } from './operators.ts'

test('every function on the page of operators becomes the SQL that the page says', () => {
  const operators = readOperators()
  expect(operators.length).toBeGreaterThan(60)
  expect(operators.map((operator) => ({ ...operator, sql: sqlOf(operator) }))).toEqual(operators)
})

test('every clause on the page of operators becomes the SQL that the page says', () => {
  const clauses = readClauses()
  expect(clauses).toHaveLength(8)
  for (const clause of clauses) expect(sqlOfClause(clause)).toBe(clause.sql)
})

test('what the page of operators says is refused is refused, with that code', () => {
  const refusals = readRefusals()
  expect(refusals.length).toBeGreaterThan(15)
  const found = refusals.map((refusal) => {
    try {
      return { ...refusal, error: `none, ${defineRefusal(refusal)}` }
    } catch (error) {
      return { ...refusal, error: dbsync.isDbsyncError(error) ? error.code : String(error) }
    }
  })
  expect(found).toEqual(refusals)
})

/** Functions of the package that are not of the query language. */
const OTHERS = new Set([
  'DbsyncError',
  'ERROR_CODES',
  'changeCodec',
  'createSync',
  'defineSchema',
  'defineTable',
  'defineView',
  'explain',
  'formatLsn',
  'hashContract',
  'isDbsyncError',
  'keyCodec',
  'lastCommit',
  'message',
  'parseContract',
  'parseLsn',
  'redisKey',
  'redisPosition',
  'redisStore',
  'rowCodec',
  'sealContract',
  'sink',
  'trackCommits',
  'uninstall',
  'withCommitLsn',
  'withViews',
])

test('every function of the query language is on the page of operators', () => {
  const code = [...readOperators(), ...readClauses()].map((item) => item.code).join('\n')
  // These stand in the text around a block that has their like.
  const inWords = new Set(['except', 'intersect', 'unionAll'])
  const missing = Object.keys(dbsync).filter(
    (name) => !OTHERS.has(name) && !inWords.has(name) && !new RegExp(`\\b${name}\\(`).test(code),
  )
  expect(missing).toEqual([])
})
