import { Option, type Command } from 'commander'
import type { SchemaContract } from '../contract/schema-contract.ts'
import { targetOf, type ConnectionTarget } from '../postgres/resolve-connection.ts'
import { readConnection } from './read-connection.ts'
import { readContract } from './read-contract.ts'
import type { Terminal } from './terminal.ts'

/** Options that every command has. */
export interface SharedOptions {
  readonly url?: string
  readonly json?: true
  readonly allowInsecure?: true
}

/** Options of the commands that know tables. */
export interface ContractOptions extends SharedOptions {
  readonly contract?: string
}

/** Adds `--url` and `--json`. */
export function withConnection(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'where the database is; the primary, without a pooler in between'))
    .addOption(new Option('--allow-insecure', 'connect to another host without verified TLS'))
    .addOption(new Option('--json', 'print JSON, for machines'))
}

/** Adds `--contract` as well. */
export function withContract(command: Command): Command {
  return withConnection(command).addOption(
    new Option('--contract <file>', 'the contract.json that prisma generate wrote'),
  )
}

/** Adds `--publication`. */
export function withPublication(command: Command): Command {
  return command.option('--publication <name>', 'the publication', 'dbsync')
}

/** Where the database is. Throws: CONFIG.INVALID_OPTIONS. */
export function connectionOf(options: SharedOptions, terminal: Terminal): ConnectionTarget {
  return targetOf(readConnection(options.url, terminal.env), options.allowInsecure)
}

/** The contract and where the database is. Throws: CONFIG.INVALID_OPTIONS, CONTRACT.INVALID. */
export async function surroundings(
  options: ContractOptions,
  terminal: Terminal,
): Promise<{ readonly contract: SchemaContract; readonly connection: ConnectionTarget }> {
  return {
    connection: connectionOf(options, terminal),
    contract: await readContract(options.contract, terminal.cwd),
  }
}
