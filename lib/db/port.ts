/** The database as capabilities see it: one statement, or one non-interactive transaction, is one round trip. */
import type * as z from "zod";
import { Unavailable } from "../errors.ts";

export type Statement = { readonly text: string; readonly params: readonly Parameter[] };
export type Parameter = string | number | bigint | boolean | Date | Uint8Array | null | readonly string[];

export type Database = {
  /**
   * Runs one statement and parses each row by `row`.
   * @throws DatabaseRefusal when Postgres refuses; Unavailable when it cannot be asked (effect unknown).
   */
  query<Row>(statement: Statement, row: z.ZodType<Row>): Promise<Row[]>;
  /** The same for a statement that answers exactly one row. */
  one<Row>(statement: Statement, row: z.ZodType<Row>): Promise<Row>;
};

/** Postgres' own refusal: a constraint or an error raised in a function. Nothing was changed. */
export class DatabaseRefusal extends Error {
  override readonly name = "DatabaseRefusal";
  /** The SQLSTATE. */
  readonly code: string;
  readonly constraint: string | undefined;

  constructor(message: string, code: string, constraint: string | undefined, cause: unknown) {
    super(message, { cause });
    this.code = code;
    this.constraint = constraint;
  }
}

/** SQLSTATEs of a server that could not, now: it cancelled, was overloaded, shut down or broke a deadlock. Rolled back. */
const passing = /^(08|53|57|40001|40P01|55P03)/;

/** What an adapter throws for its driver's error; without a SQLSTATE nobody knows whether the statement arrived. */
export function databaseFault(cause: Error, code: string | undefined, constraint: string | undefined): Error {
  const { message } = cause;
  if (!code) return new Unavailable("postgres", { effect: "unknown", cause, message });
  if (passing.test(code)) return new Unavailable("postgres", { effect: "none", cause, message });
  return new DatabaseRefusal(message, code, constraint, cause);
}

/** SQL as a tagged template: every `${value}` is a parameter. Parameters are text on the wire: cast each (`::bigint`). */
export function sql(strings: TemplateStringsArray, ...params: readonly Parameter[]): Statement {
  return { text: strings.reduce((text, part, index) => `${text}$${index}${part}`), params };
}
