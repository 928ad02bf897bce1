/** What support reads and an admin changes; whether somebody is either, the database says in the same statement. */
import * as z from "zod";
import type { App } from "../app.ts";
import { timeColumn } from "../db/columns.ts";
import { sql } from "../db/port.ts";
import { accountColumn, type Account } from "./account.ts";

const foundColumn = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["unauthorised", "not_found"]) }),
  z.object({
    kind: z.literal("found"),
    accounts: z.array(accountColumn.extend({ tier: z.string(), createdAt: timeColumn })),
  }),
]);

/** The account of an e-mail, for support and admins; `not_found` for everybody else. */
export async function lookUpAccount(app: Pick<App, "db" | "clock">, sessionId: string, email: string) {
  const { found } = await app.db.one(
    sql`select look_up_account(${app.clock()}::timestamptz, ${sessionId}, ${email}) as found`,
    z.object({ found: foundColumn }),
  );
  return found;
}

/** For admins; `not_found` for everybody else. The last admin stays one. */
export async function changeRole(
  app: Pick<App, "db" | "clock" | "visit">,
  sessionId: string,
  accountId: string,
  role: Account["role"],
) {
  const { outcome } = await app.db.one(
    sql`select change_role(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${accountId}, ${role}) as outcome`,
    z.object({ outcome: z.enum(["changed", "not_found", "last_admin", "unauthorised"]) }),
  );
  return outcome;
}
