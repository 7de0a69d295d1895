import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import * as z from 'zod'
import { isDbsyncError } from '../core/errors.ts'
import { addDdl } from './ddl.ts'
import { addDoctor } from './doctor.ts'
import { addExplain } from './explain.ts'
import { addRefresh } from './refresh.ts'
import { addSetup } from './setup.ts'
import { addStatus } from './status.ts'
import { addTail } from './tail.ts'
import { addTeardown } from './teardown.ts'
import type { Terminal } from './terminal.ts'

const DESCRIPTION =
  'Looks after the PostgreSQL side of DBSync: rights, publication, slots, the stream of changes.'

const MORE = `
Where the database is: --url, else DATABASE_URL, else POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER,
POSTGRES_PASSWORD and POSTGRES_NAME or POSTGRES_DB.
Which tables: the contract.json that "prisma generate" writes beside the generated index.ts, found in
generated/dbsync and its like; --contract names another.

This program is also the Prisma generator. In schema.prisma:

  generator dbsync {
    provider = "prisma-dbsync"
    output   = "../generated/dbsync"
  }`

/**
 * Runs one command line (without program and script) and returns the exit code: 0, or 1 for an error and for a doctor that
 * found one. Errors go beside the output as `CODE: message`.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0
  const program = new Command('prisma-dbsync')
    .description(DESCRIPTION)
    .addHelpText('after', MORE)
    .version(await readVersion(), '-v, --version')
    .configureHelp({ helpWidth: 100 })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'CONFIG.INVALID_OPTIONS: ')),
    })
    .showHelpAfterError('Run it with --help to see what there is.')
  addDoctor(program, terminal, () => {
    exitCode = 1
  })
  addSetup(program, terminal)
  addTeardown(program, terminal)
  addTail(program, terminal)
  addStatus(program, terminal)
  addRefresh(program, terminal)
  addExplain(program, terminal)
  addDdl(program, terminal)
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    terminal.note(describe(error))
    return 1
  }
}

/** A coded error tells a person what to do; anything else is a bug, and its stack helps whoever mends it. */
function describe(error: unknown): string {
  if (isDbsyncError(error) && error.code !== 'INTERNAL.INVARIANT') return `${error.code}: ${error.message}`
  return `INTERNAL.INVARIANT: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}

async function readVersion(): Promise<string> {
  const path = fileURLToPath(import.meta.resolve('prisma-dbsync/package.json'))
  return z.object({ version: z.string() }).parse(JSON.parse(await readFile(path, 'utf8'))).version
}
