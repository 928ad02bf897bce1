/** What a read subscription asks of Stripe in turn: its card, for a new one replaces the customer's alone; its invoices, when it is over. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import { allInTurns, type HasTime } from "../reconcile/in-turns.ts";
import { rereadSubscription } from "./reread.ts";

type Ports = Pick<App, "db" | "stripe" | "billing" | "clock" | "env">;

/** How many. Safe any number of times at once, and to be killed anywhere: each act done twice is done once. @throws Unavailable */
export async function followUp(app: Ports, limit: number, hasTime: HasTime = () => true): Promise<number> {
  const rows = await app.db.query(
    sql`select subscriptions_to_follow_up(${limit}::int) as due`,
    z.object({ due: z.object({ id: z.string(), hasOwnCard: z.boolean(), voids: z.array(z.string()) }) }),
  );
  return await allInTurns(rows, hasTime, async ({ due: { id, hasOwnCard, voids } }) => {
    if (hasOwnCard) await app.billing.adoptCard(id);
    for (const invoice of voids) await app.billing.voidInvoice(invoice);
    await rereadSubscription(app, id);
  });
}
