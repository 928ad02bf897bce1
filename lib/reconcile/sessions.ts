/**
 * Orders that are still open, against their Checkout Sessions: what Stripe says of one is settled like an event of it.
 *
 * An attempt without a session id is left alone. Its session was made and its id not stored (or never made): its address was
 * given to nobody, so that only the client's retry with the same key, which gets the same session from Stripe, leads to a
 * payment; without one it expires within the hour. Either way its events name the purchase in their metadata and are found in
 * the list of events. Replaying the creation here would make a session where none was.
 */
import * as z from "zod";
import type { App } from "../app.ts";
import { SECOND_MS } from "../clock.ts";
import { sql } from "../db/port.ts";
import { settleEvent } from "../purchase/settle.ts";
import { inTurns } from "./in-turns.ts";

const perRun = 40;

const sessionShape = z.object({
  id: z.string(),
  status: z.enum(["open", "complete", "expired"]).nullable(),
  payment_status: z.enum(["paid", "unpaid", "no_payment_required"]),
  payment_intent: z.object({ status: z.string() }).nullable(),
});

type Ended = { readonly what: "paid" | "processing" | "failed" | "expired"; readonly type: string };

/** What an event of the session would have said; undefined while it can be paid. */
function endOf(session: z.output<typeof sessionShape>): Ended | undefined {
  if (session.status === "expired") return { what: "expired", type: "checkout.session.expired" };
  if (session.status !== "complete") return undefined;
  if (session.payment_status !== "unpaid") return { what: "paid", type: "checkout.session.completed" };
  // A complete session's payment asks for another means only when the bank did not make it.
  const isOver = ["requires_payment_method", "canceled"].includes(session.payment_intent?.status ?? "");
  return isOver
    ? { what: "failed", type: "checkout.session.async_payment_failed" }
    : { what: "processing", type: "checkout.session.completed" };
}

/** How many purchases it changed. @throws Unavailable */
export async function lookAtSessions(
  app: Pick<App, "db" | "stripe" | "stripeHistory" | "clock" | "env">,
  hasTime: () => boolean,
): Promise<number> {
  const claimed = await app.db.query(
    sql`select claim_open_sessions(${app.clock()}::timestamptz, ${perRun}::int) as id`,
    z.object({ id: z.string() }),
  );
  let changed = 0;
  await inTurns(claimed, hasTime, async ({ id }) => {
    const read = await app.stripeHistory.current({ object: "checkout.session", id });
    const end = read && endOf(sessionShape.parse(read.object));
    if (!end) return;
    const reading = {
      id: `${id}-${end.what}`,
      type: end.type,
      apiVersion: await app.stripe.apiVersion(),
      livemode: read.livemode,
      created: Math.floor(app.clock().getTime() / SECOND_MS),
      object: read.object,
      payload: read.object,
    };
    const settled = await settleEvent(app, reading, "us");
    if (settled.kind === "applied" && settled.outcome === end.what.replace("paid", "settled")) changed += 1;
  });
  return changed;
}
