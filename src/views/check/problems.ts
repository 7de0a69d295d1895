import { DbsyncError, type ErrorCode } from '../../core/errors.ts'

/** One thing that is wrong with a definition, and where: `restaurant_rating.select.rating`. */
export interface Problem {
  readonly path: string
  readonly code: Extract<ErrorCode, `VIEW.${string}`>
  readonly message: string
}

/** Collects what is wrong with one view, so that its author sees everything at once. */
export class Problems {
  readonly #view: string
  readonly #list: Problem[]

  constructor(view: string, list: Problem[] = []) {
    this.#view = view
    this.#list = list
  }

  /** The same collection for a part of the view: what is added there is under that place. */
  at(place: string): Problems {
    return new Problems(`${this.#view}.${place}`, this.#list)
  }

  /** Whether anything is wrong so far. */
  get any(): boolean {
    return this.#list.length > 0
  }

  /** Notes a problem; `place` is the part of the path after the view's name. Gives null for the caller to return. */
  add(code: Problem['code'], place: string, message: string): null {
    this.#list.push({ path: place === '' ? this.#view : `${this.#view}.${place}`, code, message })
    return null
  }

  /**
   * Throws if anything is wrong: the first problem's code, all problems in the message and in
   * `details.problems`.
   */
  throwIfAny(): void {
    const [first] = this.#list
    if (first === undefined) return
    const lines = this.#list.map(({ path, message }) => `${path}: ${message}`)
    throw new DbsyncError(
      first.code,
      lines.length === 1 ? lines.join('') : `${lines.length} problems:\n- ${lines.join('\n- ')}`,
      { details: { problems: Object.freeze([...this.#list]) } },
    )
  }
}
