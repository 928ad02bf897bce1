/** A payment as Stripe has it now, refunds and disputes included: the books follow the newest read, whatever event asked for it. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import type { PaymentRead } from "../stripe/port.ts";

/** What the database applies; of two reads the one whose ticket was taken later counts. */
export type Reread = PaymentRead & { readonly effect: "reread"; readonly ticket: string };

/** Null when Stripe doesn't have it. @throws Unavailable */
export async function reread(app: Pick<App, "db" | "stripe">, payment: string): Promise<Reread | null> {
  const { ticket } = await app.db.one(
    sql`select take_payment_ticket() as ticket`,
    z.object({ ticket: z.string() }),
  );
  const read = await app.stripe.readPayment(payment);
  return read && { effect: "reread", ticket, ...read };
}
