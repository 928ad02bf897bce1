/** An admin's hand on the rate; whether somebody is one, the database says in the same statement. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import type { MicroUsdPerDucat } from "../money.ts";

const outcomeRow = z.object({ outcome: z.enum(["done", "not_found", "unauthorised"]) });

export type Override = {
  /** Within the bounds; no 2 % are asked of it. */
  readonly microUsdPerDucat: MicroUsdPerDucat;
  readonly reason: string;
  /** Null: until it is released. To come, else the database refuses. */
  readonly until: Date | null;
};

type Ports = Pick<App, "db" | "clock" | "visit">;

/** `not_found` for everybody but admins. */
export async function overrideRate(app: Ports, sessionId: string, wish: Override) {
  const { outcome } = await app.db.one(
    sql`select override_rate(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId},
      ${wish.microUsdPerDucat}::bigint, ${wish.reason}, ${wish.until}::timestamptz) as outcome`,
    outcomeRow,
  );
  return outcome;
}

/** Ends the override that holds; again, or without one, it changes nothing. `not_found` for everybody but admins. */
export async function releaseRate(app: Ports, sessionId: string) {
  const { outcome } = await app.db.one(
    sql`select release_rate(${app.clock()}::timestamptz, ${app.visit}::jsonb, ${sessionId}) as outcome`,
    outcomeRow,
  );
  return outcome;
}
