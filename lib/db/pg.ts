/** The database over a plain Postgres connection: self-hosting, and comparisons with peers. */
import pg from "pg";
import { messageOf, Unavailable } from "../errors.ts";
import { databaseFault, type Database, type Statement } from "./port.ts";
import { parseRows } from "./rows.ts";

/** One pool per process and URL. */
const pools = new Map<string, pg.Pool>();

export type PgOptions = {
  readonly url: string;
  /** The role every session acts as when the URL is the owner's. */
  readonly actAs?: string | undefined;
};

export function openPg(options: PgOptions, onTrip: () => void): Database {
  const pool = poolFor(options);
  async function run(statement: Statement): Promise<unknown[]> {
    onTrip();
    try {
      const result = await pool.query<Record<string, unknown>>(statement.text, [...statement.params]);
      return result.rows;
    } catch (error) {
      if (error instanceof pg.DatabaseError) throw databaseFault(error, error.code, error.constraint);
      throw new Unavailable("postgres", { effect: "unknown", cause: error, message: messageOf(error) });
    }
  }
  return parseRows(run);
}

function poolFor({ url, actAs }: PgOptions): pg.Pool {
  const known = pools.get(url);
  if (known) return known;
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    ...(actAs && { options: `-c role=${actAs} -c statement_timeout=8s` }),
  });
  // An idle connection that dies is replaced at the next query; without a listener it would end the process.
  pool.on("error", () => undefined);
  pools.set(url, pool);
  return pool;
}

/** Ends the pools: for programs that end. */
export async function closePg(): Promise<void> {
  const open = [...pools.values()];
  pools.clear();
  await Promise.all(open.map((pool) => pool.end()));
}
