/** The database over Neon's HTTP driver: production, the dev stack and the tests. */
import { messageOf, Unavailable } from "../errors.ts";
import { databaseFault, type Database, type Parameter, type Statement } from "./port.ts";
import { parseRows } from "./rows.ts";

/** Longer than the role's statement_timeout, shorter than a function may live. */
const timeoutMs = 10_000;

export type NeonOptions = {
  readonly url: string;
  /** The local gateway's address; Neon's own when left out. */
  readonly fetchEndpoint?: string | undefined;
  /** The role to act as when the URL is the owner's: switched to at the start of each call's transaction. */
  readonly actAs?: string | undefined;
};

export function openNeon(options: NeonOptions, onTrip: () => void): Database {
  async function run(statement: Statement): Promise<unknown[]> {
    const { neon, neonConfig, NeonDbError } = await import("@neondatabase/serverless");
    if (options.fetchEndpoint) neonConfig.fetchEndpoint = options.fetchEndpoint;
    const driver = neon(options.url, {
      disableWarningInBrowsers: true,
      fetchOptions: { signal: AbortSignal.timeout(timeoutMs) },
    });
    const params = statement.params.map(wireParameter);
    onTrip();
    try {
      // The driver sends nothing before it is awaited, and twice when awaited twice.
      if (!options.actAs) return await driver.query(statement.text, params);
      const results = await driver.transaction([
        driver.query(`set local role ${options.actAs}`),
        driver.query("set local statement_timeout = '8s'"),
        driver.query(statement.text, params),
      ]);
      return results.at(-1) ?? [];
    } catch (error) {
      if (error instanceof NeonDbError) throw databaseFault(error, error.code, error.constraint);
      throw new Unavailable("postgres", { effect: "unknown", cause: error, message: messageOf(error) });
    }
  }
  return parseRows(run);
}

function wireParameter(value: Parameter): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value);
  return value;
}
