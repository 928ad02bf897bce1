/** A customer's cards at Stripe: shown, made the one that is charged, removed. */
import * as z from "zod";
import type { App } from "../app.ts";
import { sql } from "../db/port.ts";
import type { CardHolder, CardShown } from "../stripe/billing-port.ts";
import { aliveIn, readStanding } from "./show.ts";

type Ports = Pick<App, "db" | "billing" | "clock" | "env">;

type Unauthorised = { readonly kind: "unauthorised" };

async function holderOf(
  app: Ports,
  sessionId: string,
): Promise<({ readonly kind: "known" } & CardHolder) | Unauthorised | { readonly kind: "no_customer" }> {
  const standing = await readStanding(app, sessionId);
  if (!standing) return { kind: "unauthorised" };
  const { customer } = standing;
  if (customer === null) return { kind: "no_customer" };
  return { kind: "known", customer, subscription: aliveIn(standing)?.id ?? null };
}

/** Who has bought nothing has no cards. @throws Unavailable */
export async function listCards(
  app: Ports,
  sessionId: string,
): Promise<{ readonly kind: "read"; readonly cards: readonly CardShown[] } | Unauthorised> {
  const holder = await holderOf(app, sessionId);
  if (holder.kind === "unauthorised") return holder;
  if (holder.kind === "no_customer") return { kind: "read", cards: [] };
  return { kind: "read", cards: await app.billing.listCards(holder) };
}

export type CardOutcome =
  | { readonly kind: "done"; readonly cards: readonly CardShown[] }
  /** The subscription is charged to it: alone, or before others. */
  | { readonly kind: "only_card" | "default_card" }
  | { readonly kind: "not_found" }
  | Unauthorised;

/** Of his own cards alone. With a new default what is open is to be tried by `retryInvoices`. Safe to be called again. @throws Unavailable */
export async function actOnCard(
  app: Ports,
  sessionId: string,
  { action, id }: { readonly action: "default" | "remove"; readonly id: string },
): Promise<CardOutcome> {
  const holder = await holderOf(app, sessionId);
  if (holder.kind === "unauthorised") return holder;
  if (holder.kind === "no_customer") return { kind: "not_found" };
  const cards = await app.billing.listCards(holder);
  const card = cards.find((each) => each.id === id);
  if (!card) return { kind: "not_found" };
  if (action === "default") {
    await app.billing.makeDefault(holder, id);
    await app.db.query(
      sql`select retry_with_card(${app.clock()}::timestamptz, ${holder.customer}, ${id})`,
      z.unknown(),
    );
    return { kind: "done", cards: cards.map((each) => ({ ...each, isDefault: each.id === id })) };
  }
  if (holder.subscription !== null && cards.length === 1) return { kind: "only_card" };
  // So two removals at once never take the last one that is charged.
  if (holder.subscription !== null && card.isDefault) return { kind: "default_card" };
  await app.billing.removeCard(id);
  return { kind: "done", cards: cards.filter((each) => each.id !== id) };
}
