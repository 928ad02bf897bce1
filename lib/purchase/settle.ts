/** Applies a verified Stripe event to the books: one statement, and a second only to keep what failed. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql, type Statement } from "../db/port.ts";
import { messageOf, Unavailable } from "../errors.ts";
import type { VerifiedEvent } from "../stripe/port.ts";
import { readSubscription } from "../subscription/reread.ts";
import { reread } from "./reread.ts";
import { eventFact, type EventFact } from "./event-fact.ts";

const receivedColumn = z.object({
  outcome: z.string(),
  purchaseId: z.string().nullish(),
  deliveryId: z.string().nullish(),
});

export type SettleOutcome =
  /** `outcome` in the words of migration 0007: settled, already_settled, duplicate, parked, second_payment … */
  | {
      readonly kind: "applied";
      readonly outcome: string;
      readonly purchaseId: string | null;
      readonly deliveryId: string | null;
    }
  /** Stored with its reason, not applied: Stripe must send it again. */
  | { readonly kind: "failed"; readonly reason: string };

type Ports = Pick<App, "db" | "stripe" | "clock" | "env">;

/** Takes event and fact as JSON; answers one row, `received`. */
export type Receive = (event: string, fact: string) => Statement;

/**
 * Safe for the same event any number of times, at once, and under another id. @throws Unavailable: nothing is stored.
 * @param by `us` when we fetched it: what Stripe does not deliver is told to the operator.
 * @param receive the statement that applies it, where it is not the webhook's.
 */
export async function settleEvent(
  app: Ports,
  event: VerifiedEvent,
  by: "webhook" | "us" = "webhook",
  receive: Receive = (stored, fact) =>
    sql`select receive_stripe_event(${app.clock()}::timestamptz, ${stored}::jsonb, ${fact}::jsonb) as received`,
): Promise<SettleOutcome> {
  const { id, type, apiVersion, livemode, created, payload } = event;
  const stored = JSON.stringify({ id, type, apiVersion, livemode, created, payload, by }, storable);
  let fact = "{}";
  try {
    const read = eventFact(event, await app.stripe.apiVersion());
    fact = JSON.stringify(await asItIsNow(app, read), storable);
    const { received } = await app.db.one(receive(stored, fact), z.object({ received: receivedColumn }));
    if (received.outcome === "other_version")
      return { kind: "failed", reason: "its API version is not ours" };
    return {
      kind: "applied",
      outcome: received.outcome,
      purchaseId: received.purchaseId ?? null,
      deliveryId: received.deliveryId ?? null,
    };
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    const reason = messageOf(error);
    await app.db.query(
      sql`select record_failed_event(${app.clock()}::timestamptz, ${stored}::jsonb, ${fact}::jsonb, ${reason})`,
      z.unknown(),
    );
    return { kind: "failed", reason };
  }
}

/** Where an event only says that something happened, what Stripe has now. @throws Unavailable */
async function asItIsNow(app: Ports, fact: EventFact): Promise<object> {
  if (fact.effect === "reread") {
    const read = await reread(app, fact.payment);
    if (read === null) throw new Error(`Stripe has no payment ${fact.payment}`);
    return read;
  }
  if (fact.effect !== "subscription" || fact.subscription === null) return fact;
  return { ...fact, read: await readSubscription(app, fact.subscription) };
}

/** What a buyer may type and jsonb refuses: NUL, and half a surrogate pair. */
function storable(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll("\0", "\uFFFD").toWellFormed() : value;
}
