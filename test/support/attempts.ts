import type pg from 'pg'
import { TEXT_SETTINGS } from '../../src/testing/canonical-text.ts'

/** What the server answers to an expression: its text, null, or the SQLSTATE of its error. */
export type Attempt = { readonly text: string | null } | { readonly sqlState: string }

/** Makes a function of the server that evaluates expressions one by one, so that an error ends one alone. */
export async function prepareAttempts(client: pg.ClientBase): Promise<void> {
  await client.query(TEXT_SETTINGS)
  await client.query(`
    CREATE FUNCTION pg_temp.attempt(expression text, OUT answer text, OUT state text) LANGUAGE plpgsql AS $$
    BEGIN
      EXECUTE 'SELECT (' || expression || ')::text' INTO answer;
    EXCEPTION WHEN OTHERS THEN
      state := SQLSTATE;
    END $$`)
}

/** The server's answers to the expressions, in their order. */
export async function attempts(
  client: pg.ClientBase,
  expressions: readonly string[],
): Promise<readonly Attempt[]> {
  const { rows } = await client.query<{ answer: string | null; state: string | null }>(
    `SELECT (pg_temp.attempt(e)).* FROM unnest($1::text[]) WITH ORDINALITY AS t(e, i) ORDER BY i`,
    [expressions],
  )
  return rows.map(({ answer, state }) => (state === null ? { text: answer } : { sqlState: state }))
}
