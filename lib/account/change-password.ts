/** A new password, by somebody signed in who knows the old one: every other session ends. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { hashPassword, verifyPassword } from "./password.ts";

/** Count the attempt first (attempts.ts). @throws Unavailable */
export async function changePassword(
  app: Pick<App, "db" | "clock" | "visit">,
  sessionId: string,
  currentPassword: string,
  newPassword: string,
): Promise<"changed" | "wrong_password" | "unauthorised"> {
  const { hash } = await app.db.one(
    sql`select password_of(${app.clock()}::timestamptz, ${sessionId}) as hash`,
    z.object({ hash: z.string().nullable() }),
  );
  if (hash === null) return "unauthorised";
  if (!(await verifyPassword(currentPassword, hash))) return "wrong_password";
  const newHash = await hashPassword(newPassword);
  const { outcome } = await app.db.one(
    sql`select change_password(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}, ${hash}, ${newHash})
      as outcome`,
    z.object({ outcome: z.enum(["changed", "wrong_password", "unauthorised"]) }),
  );
  return outcome;
}
