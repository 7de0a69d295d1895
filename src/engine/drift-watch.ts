import { DbsyncError } from '../core/errors.ts'
import type { SchemaContract } from '../contract/schema-contract.ts'
import type { CatalogTable } from '../postgres/catalog.ts'
import type { ControlSession } from '../postgres/control-session.ts'
import {
  fingerprintSql,
  readFingerprints,
  type Fingerprints,
  type PublicationFingerprint,
  type TableFingerprint,
} from '../postgres/fingerprint.ts'
import { awaitWriters } from '../postgres/lock-barrier.ts'
import type { Problem } from '../postgres/finding.ts'
import { preflight, type TableNeed } from '../postgres/preflight.ts'
import { tableName } from '../postgres/table-name.ts'
import { compareFingerprints, targetOf, type Verdict } from './drift.ts'
import { mendMembership, mendOptions } from './drift-mend.ts'

/** What is watched, and for whom. */
export interface DriftSubject {
  readonly control: ControlSession
  readonly contract: SchemaContract
  readonly publication: string
  readonly serverVersion: number
  readonly needs: readonly TableNeed[]
  /** Models of which somebody must get every change. */
  readonly consumed: ReadonlySet<string>
  /** Milliseconds from one look at the catalog to the next. */
  readonly everyMs: number
}

/** What a watch decides; the sync does it. */
export interface DriftHost {
  /** Whether the views over the table have stopped already. */
  isBroken(model: string): boolean
  /** The views over the table must stop. */
  breakTable(model: string, error: DbsyncError): void
  /** The rows of the table must be read again; `catalog` is what it is now. */
  reread(model: string, catalog: CatalogTable, reason: string): void
  /** The stream has skipped changes that nobody can bring back one by one. */
  endSession(error: DbsyncError): void
  /** Resolves once the stream has delivered what is committed now. */
  reachEnd(signal: AbortSignal): Promise<void>
  warn(code: string, message: string): void
  onWait(reason: string): void
}

type BringBack = Extract<Verdict, { readonly reason: string }>

const PASSED_OVER = 'the stream described it as it was before'

/**
 * Notices that somebody has changed tables or publication under a running stream, which the stream itself tells late or
 * not at all: it looks at the catalog on a timer, and at once when the stream describes a table again.
 *
 * One look at a time; one that fails changes nothing and is made again.
 */
export class DriftWatch {
  readonly #subject: DriftSubject
  readonly #host: DriftHost
  /** What publication and tables are known to be like. */
  readonly #publication: PublicationFingerprint | null
  readonly #tables: Map<string, TableFingerprint>
  #needs: readonly TableNeed[]
  #stop: AbortController | null = null
  #timer: NodeJS.Timeout | null = null
  #looking: Promise<void> | null = null
  #isDue = false
  /** Models of which the stream has passed changes over. */
  readonly #doubted = new Set<string>()
  /** Those of them that are about to be read again. */
  readonly #returning = new Set<string>()

  private constructor(subject: DriftSubject, host: DriftHost, known: Fingerprints) {
    this.#subject = subject
    this.#host = host
    this.#publication = known.publication
    this.#tables = new Map(known.tables)
    this.#needs = subject.needs
  }

  /** Takes the state that later ones are compared with; before the first row is read. Throws: POSTGRES.*. */
  static async open(subject: DriftSubject, host: DriftHost): Promise<DriftWatch> {
    return new DriftWatch(subject, host, await read(subject, new Map()))
  }

  /** What publication and tables are known to be like. */
  get known(): Fingerprints {
    return { publication: this.#publication, tables: this.#tables }
  }

  /** From now on only these of the tables matter, and these columns of them. */
  narrow(needs: readonly TableNeed[]): void {
    this.#needs = needs
  }

  /** Whether the stream has passed changes over of which it is not known yet what becomes. */
  get hasDoubts(): boolean {
    const isOpen = (model: string): boolean => this.#doubted.has(model) || this.#returning.has(model)
    return this.#needs.some(({ model: { model } }) => isOpen(model) && !this.#host.isBroken(model))
  }

  /** Watches from now on, beginning with a look: a good deal may have happened between two sessions. */
  start(): void {
    this.stop()
    this.#stop = new AbortController()
    this.#timer = setInterval(() => void this.look(), this.#subject.everyMs)
    void this.look()
  }

  stop(): void {
    this.#stop?.abort(new DbsyncError('SYNC.CLOSED', 'The session has ended.'))
    this.#stop = null
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /**
   * The stream describes the table as it cannot be followed, and its changes are passed over: by what the catalog says
   * now it is stopped or read again.
   */
  doubt(model: string): void {
    this.#doubted.add(model)
    void this.look()
  }

  /** Resolves once it is known what becomes of the tables that were doubted so far. */
  async clearDoubts(): Promise<void> {
    if (this.hasDoubts) await this.look()
  }

  /** Looks now, or once more if a look is under way; resolves when that is done. Never throws. */
  look(): Promise<void> {
    this.#isDue = true
    this.#looking ??= this.#lookWhileDue().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async #lookWhileDue(): Promise<void> {
    while (this.#isDue && this.#stop !== null) {
      this.#isDue = false
      try {
        await this.#lookOnce(this.#stop.signal)
      } catch {
        // The stream's own session reports a server that is gone; anything else is there to be seen again.
      }
    }
  }

  async #lookOnce(signal: AbortSignal): Promise<void> {
    const needs = this.#needs
    const found = await read({ ...this.#subject, needs }, this.#tables)
    signal.throwIfAborted()
    const { isLost, tables } = compareFingerprints(needs, this.known, found)
    if (isLost) {
      await mendOptions(this.#subject, found).catch(() => {})
      this.#host.endSession(publicationLost(this.#subject.publication))
      return
    }
    for (const need of needs) {
      const { model } = need.model
      // Let go of while the catalog was looked at.
      if (!this.#needs.some((other) => other.model.model === model)) continue
      const verdict = tables.get(model)
      const now = found.tables.get(model)
      if (verdict === undefined || now === undefined) continue
      // Noted after it was dealt with: what could not be is found again.
      const settled = this.#host.isBroken(model) ? now : await this.#settle(need, verdict, found, signal)
      signal.throwIfAborted()
      this.#tables.set(model, settled ?? now)
    }
  }

  /** Does what the verdict asks for; the table as it was left if that is not how it was found. */
  async #settle(
    need: TableNeed,
    verdict: Verdict,
    found: Fingerprints,
    signal: AbortSignal,
  ): Promise<TableFingerprint | null> {
    const { model } = need.model
    const isDoubted = this.#doubted.has(model)
    if (verdict.kind === 'same' && !isDoubted) return null
    if (verdict.kind === 'stop') {
      this.#host.breakTable(model, verdict.error)
      return null
    }
    const { catalog, findings } = await this.#check(need)
    signal.throwIfAborted()
    // The right to read is needed to read, and not to follow.
    const finding = findings.find(({ code }) => verdict.kind !== 'check' || code !== 'POSTGRES.PERMISSION')
    if (finding !== undefined) {
      this.#host.breakTable(model, changed(need, finding))
      return null
    }
    if (catalog === undefined || (verdict.kind === 'check' && !isDoubted)) return null
    if (isDoubted) {
      // Until then the stream may go on as it was described.
      await this.#host.reachEnd(signal)
      this.#doubted.delete(model)
      this.#returning.add(model)
    }
    const isJudged = verdict.kind === 'mend' || verdict.kind === 'reread'
    const todo: BringBack = isJudged ? verdict : { kind: 'reread', reason: PASSED_OVER, isLoss: false }
    const isPassedOver = todo.isLoss || isDoubted
    try {
      return await this.#bringBack(need, catalog, { ...todo, isPassedOver }, found, signal)
    } catch (error) {
      if (isDoubted) this.#doubted.add(model)
      throw error
    } finally {
      this.#returning.delete(model)
    }
  }

  async #check(
    need: TableNeed,
  ): Promise<{ readonly catalog: CatalogTable | undefined; readonly findings: readonly Problem[] }> {
    const { control, contract } = this.#subject
    const checked = await control.use('check a table', (client) => preflight(client, contract, [need]))
    const { model } = need.model
    const findings = checked.findings.filter(({ details }) => details['model'] === model)
    return { catalog: checked.tables.get(model), findings }
  }

  /** Sees to it that the stream carries the table's changes, then has its rows read again. */
  async #bringBack(
    need: TableNeed,
    catalog: CatalogTable,
    { kind, reason, isLoss, isPassedOver }: BringBack & { readonly isPassedOver: boolean },
    found: Fingerprints,
    signal: AbortSignal,
  ): Promise<TableFingerprint | null> {
    const { control, publication, consumed } = this.#subject
    const { model } = need.model
    const name = tableName(need.model)
    if (isLoss && consumed.has(model)) {
      this.#host.endSession(changesMissed(need, publication, reason))
      return null
    }
    let made: TableFingerprint | null = null
    if (kind === 'mend') {
      const mended = await mendMembership(this.#subject, need, found)
      signal.throwIfAborted()
      if (mended.sql !== null) {
        this.#host.breakTable(model, notMendable(need, publication, reason, mended.sql))
        return null
      }
      made = mended.made
      this.#host.warn(
        'PUBLICATION.INCOMPLETE',
        `Publication "${publication}" was mended: ${name}: ${reason}.`,
      )
    }
    if (isPassedOver) {
      // What was not streamed, or passed over, is not applied once more over the chunks: they must see it.
      await awaitWriters(control, [catalog.oid], signal, (holders) =>
        this.#host.onWait(`${holders} transactions that are writing ${name}`),
      )
    }
    this.#host.reread(model, catalog, `${name} is read again: ${reason}.`)
    return made
  }
}

async function read(
  { control, publication, serverVersion, needs }: DriftSubject,
  known: ReadonlyMap<string, TableFingerprint>,
): Promise<Fingerprints> {
  const targets = needs.map((need) => targetOf(need, known.get(need.model.model)?.oid ?? null))
  return readFingerprints(await control.query(fingerprintSql(targets, publication, serverVersion)))
}

function publicationLost(publication: string): DbsyncError {
  return new DbsyncError(
    'PUBLICATION.MISSING',
    `Publication "${publication}" was dropped, made anew or altered while the sync was running, so changes may have been ` +
      'skipped. Views are read anew; bring up to date by hand what handlers keep.',
    { details: { publication } },
  )
}

function changesMissed({ model }: TableNeed, publication: string, reason: string): DbsyncError {
  return new DbsyncError(
    'PUBLICATION.INCOMPLETE',
    `Publication "${publication}" did not carry every change of ${tableName(model)} while the sync was running: ${reason}. ` +
      'Handlers have missed some. Bring what they keep up to date, drop the slot, and start again.',
    { details: { publication, model: model.model, table: model.table } },
  )
}

function notMendable({ model }: TableNeed, publication: string, reason: string, sql: string): DbsyncError {
  return new DbsyncError(
    'PUBLICATION.INCOMPLETE',
    `Publication "${publication}" does not carry ${tableName(model)} as it must: ${reason}. The role may not mend it. ` +
      `Have its owner run: ${sql}; and start again.`,
    { details: { publication, model: model.model, table: model.table, sql } },
  )
}

function changed({ model }: TableNeed, finding: Problem): DbsyncError {
  return new DbsyncError(
    finding.code,
    `${tableName(model)} was changed while the sync was running. ${finding.message}`,
    { details: finding.details },
  )
}
