import type { Command } from 'commander'
import { DbsyncError } from '../core/errors.ts'
import { defineSchema } from '../contract/define-schema.ts'
import type { AnyChange } from '../changes/change.ts'
import { createSync } from '../engine/create-sync.ts'
import { Deferred } from '../engine/deferred.ts'
import { pickModels } from '../engine/set-up.ts'
import type { SyncEvent } from '../engine/sync-event.ts'
import { changeWriter, type AnyChangeJson } from '../json/change-form.ts'
import { ExactDecimal } from './exact-decimal.ts'
import { surroundings, withContract, withPublication, type ContractOptions } from './shared-options.ts'
import type { Terminal } from './terminal.ts'
import { toJson } from './to-json.ts'

interface TailOptions extends ContractOptions {
  readonly publication: string
  readonly slot?: string
  readonly snapshot?: true
  readonly limit?: number
}

const OPS = ['insert', 'update', 'delete', 'truncate'] as const

/** Adds `tail`: every change as it is committed, one a line. */
export function addTail(program: Command, terminal: Terminal): void {
  const command = program
    .command('tail')
    .argument('[models...]', 'only these models')
    .summary('print changes as they are committed')
    .description(
      'Prints the changes of all or some models as they are committed, one a line, until Ctrl-C. It streams from a temporary ' +
        'slot, so it begins now and leaves nothing behind; with --slot from a durable one, which goes on where it ended. Creates ' +
        'or extends the publication if the role may.',
    )
  withPublication(withContract(command))
    .option('--slot <name>', 'stream from this durable slot, made if it is not there')
    .option('--snapshot', 'print the rows that are there, as "read" events, among the changes')
    .option('--limit <n>', 'end after so many events', readLimit)
    .action((models: string[], options: TailOptions) => tail(models, options, terminal))
}

function readLimit(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new DbsyncError('CONFIG.INVALID_OPTIONS', '--limit is not a whole number from 1 on.')
}

async function tail(names: readonly string[], options: TailOptions, terminal: Terminal): Promise<void> {
  const { contract, connection } = await surroundings(options, terminal)
  const models = pickModels(contract, names).map(({ model }) => model)
  const schema = defineSchema({ contract, Decimal: ExactDecimal })
  const write = changeWriter(schema)
  const ended = new Deferred()
  let left = options.limit ?? Infinity
  const print = async (change: AnyChange): Promise<void> => {
    // Not handled: a durable slot is not to be confirmed past what was printed.
    if (left === 0) throw new DbsyncError('SYNC.CLOSED', 'The limit is reached.')
    left -= 1
    const json = write(change)
    await terminal.print(options.json === true ? toJson(json) : asLine(json))
    if (left === 0) ended.resolve()
  }
  const ops = options.snapshot === true ? (['read', ...OPS] as const) : OPS
  const handlers = Object.fromEntries(
    models.map((model) => [model, Object.fromEntries(ops.map((op) => [op, print]))]),
  )
  const signal = terminal.interrupt()
  signal.addEventListener('abort', () => ended.resolve(), { once: true })
  const sync = createSync({
    schema,
    connection,
    allowInsecure: options.allowInsecure === true,
    handlers,
    publication: options.publication,
    slot: options.slot === undefined ? { durable: false } : { name: options.slot, durable: true },
    handlerAttempts: 1_000,
    onEvent: (event) => {
      if (event.kind === 'failed') ended.reject(event.error)
      else if (left > 0 && !signal.aborted) report(event, terminal)
    },
    ...(options.snapshot === true ? { snapshot: 'initial' } : {}),
  })
  try {
    await Promise.race([sync.start(), ended.promise])
    if (!signal.aborted && left > 0) {
      const slot = sync.status().slot
      terminal.note(
        `Streaming ${models.join(', ')} from ${slot?.durable === true ? 'durable' : 'temporary'} slot ` +
          `"${slot?.name ?? ''}"; Ctrl-C ends it.`,
      )
    }
    await ended.promise
  } finally {
    await sync.close()
  }
}

function report(event: SyncEvent, terminal: Terminal): void {
  if (event.kind === 'waiting') terminal.note(`Waiting for ${event.reason}.`)
  else if (event.kind === 'warning') terminal.note(`${event.code}: ${event.message}`)
  else if (event.kind === 'reconnecting')
    terminal.note(`${event.error.code}: ${event.error.message} Reconnecting.`)
}

function asLine({ model, op, key, before, after, changed, tx }: AnyChangeJson): string {
  const parts = [tx.commitTime, tx.lsn, `${model}.${op}`]
  if (key !== undefined) parts.push(toJson(key))
  if (after !== undefined) parts.push('after', toJson(after))
  if (before !== undefined) parts.push('before', toJson(before))
  if (changed !== undefined) parts.push('changed', changed.join(','))
  return parts.join(' ')
}
