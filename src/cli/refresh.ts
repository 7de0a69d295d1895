import type { Command } from 'commander'
import { DbsyncError } from '../core/errors.ts'
import { requestRefresh, type RefreshWish } from '../engine/request-refresh.ts'
import { plural } from './layout.ts'
import { surroundings, withContract, type ContractOptions } from './shared-options.ts'
import type { Terminal } from './terminal.ts'
import { toJson } from './to-json.ts'

interface RefreshOptions extends ContractOptions {
  readonly keys?: string
  readonly from?: string
  readonly to?: string
}

/** Adds `refresh`: asks running syncs to read tables anew. */
export function addRefresh(program: Command, terminal: Terminal): void {
  const command = program
    .command('refresh')
    .argument('[models...]', 'only these models')
    .summary('ask the running syncs to read tables anew')
    .description(
      'Asks every sync of this database to read tables anew while it goes on streaming: all, some, or rows of one. The request ' +
        'goes through the stream itself, as a logical message; a sync on a durable slot gets it also if it is down now.',
    )
  withContract(command)
    .option('--keys <json>', 'rows of one model: [1, 2] or [{"userId": 1, "restaurantId": "r1"}]')
    .option('--from <json>', 'rows of one model from this key on')
    .option('--to <json>', 'rows of one model up to this key')
    .action(async (models: string[], options: RefreshOptions) => {
      const { contract, connection } = await surroundings(options, terminal)
      const request = requestOf(models, options)
      const { id, lsn, listeners } = await requestRefresh(contract, connection, request)
      if (options.json === true) {
        await terminal.print(toJson({ id, lsn, listeners }))
        return
      }
      await terminal.print(
        `refresh ${id} of ${models.length === 0 ? 'all models' : models.join(', ')} asked for at ${lsn}`,
      )
      if (listeners.length === 0)
        terminal.note(
          'No sync is streaming from this database now; only one with a durable slot will get it.',
        )
      else terminal.note(`${plural(listeners.length, 'sync')} streaming: ${listeners.join(', ')}`)
    })
}

function requestOf(models: readonly string[], options: RefreshOptions): RefreshWish {
  const keys = parse(options.keys, '--keys')
  if (keys !== undefined && !Array.isArray(keys)) throw invalid('--keys', 'not a JSON array of keys')
  const from = parse(options.from, '--from')
  const to = parse(options.to, '--to')
  return {
    ...(models.length === 0 ? {} : { models }),
    ...(keys === undefined ? {} : { keys }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }
}

function parse(text: string | undefined, where: string): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw invalid(where, 'no JSON')
  }
}

function invalid(where: string, found: string): DbsyncError {
  return new DbsyncError('CONFIG.INVALID_OPTIONS', `${where} is ${found}. Texts take quotes: '"r1"'.`)
}
