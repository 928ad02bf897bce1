/** An account as its owner sees it. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";

export const accountColumn = z.object({
  id: z.string(),
  email: z.string(),
  emailVerified: z.boolean(),
  citizen: z.string(),
  citizenProved: z.boolean(),
  role: z.enum(["customer", "support", "admin"]),
});

export type Account = z.output<typeof accountColumn>;

/** The signed-in account; null when the session has ended. */
export async function findAccount(
  app: Pick<App, "db" | "clock">,
  sessionId: string,
): Promise<Account | null> {
  const { account } = await app.db.one(
    sql`select find_account(${app.clock()}::timestamptz, ${sessionId}) as account`,
    z.object({ account: accountColumn.nullable() }),
  );
  return account;
}
