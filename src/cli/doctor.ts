import type { Command } from 'commander'
import { diagnose, type Diagnosis } from '../engine/diagnose.ts'
import type { Finding, Severity } from '../postgres/finding.ts'
import { plural, wrap } from './layout.ts'
import { surroundings, withContract, withPublication, type ContractOptions } from './shared-options.ts'
import type { Terminal } from './terminal.ts'
import { toJson } from './to-json.ts'

interface DoctorOptions extends ContractOptions {
  readonly publication: string
  readonly slot: string
}

const COLOURS: Readonly<Record<Severity, number>> = { error: 31, warning: 33, note: 36 }

/** Adds `doctor`: what keeps a sync from running, what will hurt it, and the SQL that mends each. */
export function addDoctor(program: Command, terminal: Terminal, fail: () => void): void {
  const command = program
    .command('doctor')
    .summary('check server, role, tables, publication and slots')
    .description(
      'Checks everything that a sync needs, and changes nothing. Lists what it finds, the worst first, each with the SQL ' +
        'that mends it. Exit code 1 if there is an error.',
    )
  withPublication(withContract(command))
    .option('--slot <name>', 'the durable slot', 'dbsync')
    .action(async (options: DoctorOptions) => {
      const { publication, slot } = options
      const place = await surroundings(options, terminal)
      const diagnosis = await diagnose({ ...place, publication, slot })
      if (diagnosis.findings.some(({ severity }) => severity === 'error')) fail()
      if (options.json === true) {
        await terminal.print(toJson({ ...diagnosis, counts: counts(diagnosis) }))
        return
      }
      const { version, database, role } = diagnosis.server
      await terminal.print(
        `PostgreSQL ${Math.floor(version / 10_000)}.${version % 10_000}, database "${database}", role "${role}"; ` +
          `${plural(place.contract.models.length, 'model')}, publication "${publication}", slot "${slot}"`,
      )
      for (const finding of diagnosis.findings)
        await terminal.print(`\n${describeFinding(finding, terminal.isColoured)}`)
      const found = counts(diagnosis)
      await terminal.print(
        `\n${plural(found.errors, 'error')}, ${plural(found.warnings, 'warning')}, ${plural(found.notes, 'note')}`,
      )
    })
}

function counts({ findings }: Diagnosis): Readonly<Record<'errors' | 'warnings' | 'notes', number>> {
  const of = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length
  return { errors: of('error'), warnings: of('warning'), notes: of('note') }
}

/** A finding as `doctor` prints it, without a line's end. */
export function describeFinding({ severity, code, message, sql }: Finding, isColoured: boolean): string {
  const label = isColoured ? `\u001B[${COLOURS[severity]}m${severity}\u001B[0m` : severity
  const heading = `${label}${' '.repeat(9 - severity.length)}${code}`
  const mend = sql.length === 0 ? [] : ['  SQL:', ...sql.map((one) => `    ${one}`)]
  return [heading, wrap(message, '  '), ...mend].join('\n')
}
