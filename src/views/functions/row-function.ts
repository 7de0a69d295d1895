import type { Checked } from '../check/check-column.ts'
import type { CallIr, CallName, ExpressionIr, TypeIr } from '../view-ir.ts'

/** A call of the builder while it is checked: its raw arguments and what can be done with them. */
export interface CallCheck {
  readonly name: CallName
  readonly args: readonly unknown[]
  /** Checks an argument that must be an expression. */
  expression(raw: unknown): Checked<ExpressionIr>
  /** Checks an argument that must be a condition. */
  condition(raw: unknown): Checked<ExpressionIr>
  /** Whether an argument is an expression, not a constant. */
  isExpression(raw: unknown): boolean
  /**
   * A constant of that type; null, with a problem noted, if it does not fit. `of` says in the message what it belongs
   * to.
   */
  literal(raw: unknown, type: TypeIr, of: string): Checked<ExpressionIr>
  /** A constant of that type, or undefined if it does not fit. */
  tryLiteral(raw: unknown, type: TypeIr): ExpressionIr | undefined
  /** Notes a problem of the definition. */
  invalid(message: string): null
  /** Notes that the answer could not be exactly Postgres'. */
  notExact(message: string): null
  /** Notes that this version lacks something. */
  unsupported(message: string): null
  /** How messages name an argument. */
  label(expression: ExpressionIr): string
}

/** One function of a row: what it takes, and how its SQL is written. */
export interface RowFunction {
  /** The call with its type, or null with the problems noted. */
  check(call: CallCheck): Checked<CallIr>
  /** The SQL of a checked call; `parts` are the arguments, each complete in itself. */
  write(parts: readonly string[], call: CallIr): string
}
