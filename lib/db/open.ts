/** Chooses the adapter by the environment; opens nothing before the first statement. */
import type { Core } from "../app.ts";
import type { Env } from "../env.ts";
import { openNeon } from "./neon.ts";
import type { Database } from "./port.ts";

const applicationRole = "cascade_app";

/** Whether DATABASE_URL is an owner's: then every call switches to the application's role, and `health` warns. */
export function actsAsOwner(env: Pick<Env, "DATABASE_URL">): boolean {
  return new URL(env.DATABASE_URL).username !== applicationRole;
}

export function db({ env, trips }: Core): Database {
  const onTrip = () => trips.count("postgres");
  const options = { url: env.DATABASE_URL, actAs: actsAsOwner(env) ? applicationRole : undefined };
  if (env.DATABASE_DRIVER === "neon")
    return openNeon({ ...options, fetchEndpoint: env.NEON_FETCH_ENDPOINT }, onTrip);
  const adapter = async () => (await import("./pg.ts")).openPg(options, onTrip);
  return {
    query: async (statement, row) => (await adapter()).query(statement, row),
    one: async (statement, row) => (await adapter()).one(statement, row),
  };
}
