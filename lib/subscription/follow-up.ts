/** What a read subscription asks of Stripe in turn: a card of its own becomes its customer's, for a new one replaces that alone. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { allInTurns, type HasTime } from "../reconcile/in-turns.ts";
import { rereadSubscription } from "./reread.ts";

type Ports = Pick<App, "db" | "stripe" | "billing" | "clock" | "env">;

/** How many. Safe any number of times at once, and to be killed anywhere: each act done twice is done once. @throws Unavailable */
export async function followUp(app: Ports, limit: number, hasTime: HasTime = () => true): Promise<number> {
  const rows = await app.db.query(
    sql`select subscriptions_to_follow_up(${limit}::int) as id`,
    z.object({ id: z.string() }),
  );
  return await allInTurns(rows, hasTime, async ({ id }) => {
    await app.billing.adoptCard(id);
    await rereadSubscription(app, id);
  });
}
