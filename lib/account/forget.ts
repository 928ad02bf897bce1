/** Removes what is long over: links, challenges, counts, sessions. The audit log keeps what happened. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";

/** How many rows went. */
export async function forgetExpired({ db, clock }: Pick<App, "db" | "clock">): Promise<number> {
  const { forgotten } = await db.one(
    sql`select forget_expired(${clock()}::timestamptz, '30 days'::interval) as forgotten`,
    z.object({ forgotten: z.coerce.number().int() }),
  );
  return forgotten;
}
