import type { SchemaContract } from '../src/contract/schema-contract.ts'
import type { LocalNames } from './emit.ts'

/** The contract as a constant, one line for each column, so that a diff of two versions can be read. */
export function emitContract(contract: SchemaContract, local: LocalNames): string {
  const enums = contract.enums.map(
    ({ name, schema, pgName, values }) =>
      `    {\n      name: ${quote(name)},\n      schema: ${quote(schema)},\n      pgName: ${quote(pgName)},\n` +
      `      values: [\n${values.map((value) => `        ${literal(value)},\n`).join('')}      ],\n    },\n`,
  )
  const models = contract.models.map(
    ({ columns, relations, ...rest }) =>
      `    {\n${properties(rest, '      ')}` +
      `      columns: [\n${columns.map((column) => `        ${literal(column)},\n`).join('')}      ],\n` +
      `      relations: [${relations.map((relation) => `\n        ${literal(relation)},`).join('')}` +
      `${relations.length > 0 ? '\n      ' : ''}],\n    },\n`,
  )
  return (
    `const $contract: ${local('SchemaContract')} = {\n  version: ${contract.version},\n  hash: ${quote(contract.hash)},\n` +
    `  enums: [${enums.length > 0 ? `\n${enums.join('')}  ` : ''}],\n` +
    `  models: [${models.length > 0 ? `\n${models.join('')}  ` : ''}],\n}\n`
  )
}

/** First characters of every `contract.json`; also how the generator knows its own files. */
export const CONTRACT_HEAD = '{\n  "version": '

/** The contract as JSON, for programs that cannot import TypeScript: the package's own command line. */
export function emitContractJson({ version, hash, enums, models }: SchemaContract): string {
  return `${JSON.stringify({ version, hash, enums, models }, null, 2)}\n`
}

/** A string literal in single quotes, in ASCII, safe whatever the text holds. */
export function quote(text: string): string {
  const body = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  const ascii = body.replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `'${ascii}'`
}

function literal(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return `{ ${Object.entries(value)
    .map(([name, item]) => `${name}: ${literal(item)}`)
    .join(', ')} }`
}

function properties(value: object, indent: string): string {
  return Object.entries(value)
    .map(([name, item]) => `${indent}${name}: ${literal(item)},\n`)
    .join('')
}
