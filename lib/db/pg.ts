/** The database over a plain Postgres connection: self-hosting, and comparisons with peers. */
import pg from "pg";
import { Unavailable } from "../errors.ts";
import { DatabaseRefusal, type Database, type Statement } from "./port.ts";
import { parseRows } from "./rows.ts";

let pool: pg.Pool | undefined;

/** `url` is cascade_app's own: this adapter doesn't switch roles. */
export function openPg(url: string, onTrip: () => void): Database {
  pool ??= new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
  });
  const connections = pool;
  async function run(statement: Statement): Promise<unknown[]> {
    onTrip();
    try {
      const result = await connections.query<Record<string, unknown>>(statement.text, [...statement.params]);
      return result.rows;
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.code)
        throw new DatabaseRefusal(error.message, error.code, error.constraint, error);
      throw new Unavailable("postgres", { effect: "unknown", cause: error });
    }
  }
  return parseRows(run);
}

/** Ends the pool: for programs that end. */
export async function closePg(): Promise<void> {
  await pool?.end();
  pool = undefined;
}
