/** A try with a new card may die between any two calls of a port: the next run ends it, and nothing is paid twice. */
import { expect, test, vi } from "vitest";
import { idOf } from "../../dev/stripe/reference.ts";
import { MINUTE_MS } from "../../lib/clock.ts";
import { retryInvoices } from "../../lib/subscription/retry.ts";
import { Died, dying } from "../reconcile/shop.ts";
import { useLog } from "../support/log.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { appAt, booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
useLog();
const { sdk, subscriber, subscribe, news, bring, standing, letters } = useSubscribers(
  world,
  "2026-03-10T09:00:00Z",
);

const app = () => appAt({ now: new Date() });

/** An invoice that was declined, and a card that is to be tried with it. */
async function asked(card: string) {
  vi.setSystemTime("2026-03-10T09:00:00Z");
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  world.stripe.turnCard(marco.card, "4000000000000341");
  vi.setSystemTime("2026-04-10T10:30:00Z");
  world.stripe.advance({ ms: 0 });
  await bring();
  const method = world.stripe.storeCard(marco.stripeCustomer, { card, makeDefault: false });
  news();
  await world.database.rows("select retry_with_card($1, $2, $3)", [
    new Date(),
    marco.stripeCustomer,
    method.id,
  ]);
  const [invoice] = (await sdk().invoices.list({ subscription: id })).data;
  const charges = (status: string) =>
    world.stripe.world.charges
      .oldestFirst()
      .filter((each) => idOf(each.customer) === marco.stripeCustomer && each.status === status).length;
  const state = async () => {
    const [row] = await world.database.rows<{ state: string; error: string | null }>(
      "select state, error from invoice_retries where invoice_id = $1",
      [invoice?.id],
    );
    return row;
  };
  return { marco, charges, state };
}

/** @returns how many calls it made. */
async function dieAt(step: number, side: "before" | "after"): Promise<number> {
  const fused = dying(app(), { step, side });
  await retryInvoices(fused.app, 5).catch((error: unknown) => {
    if (!(error instanceof Died)) throw error;
  });
  return fused.steps();
}

async function endsAsItWould(card: "pays" | "is declined", before: number | null, side: "before" | "after") {
  const where = `${side} step ${before ?? "none"}, ${card}`;
  const { marco, charges, state } = await asked(card === "pays" ? "4242424242424242" : "4000000000000341");
  const steps = await dieAt(before ?? 1_000, side);
  vi.setSystemTime(Date.now() + 2 * MINUTE_MS);
  await retryInvoices(app(), 5);
  const [paid, failed] = card === "pays" ? [2, 1] : [1, 2];
  expect([charges("succeeded"), charges("failed")], where).toEqual([paid, failed]);
  expect(await state(), where).toEqual(
    card === "pays" ? { state: "paid", error: null } : { state: "refused", error: "Your card was declined." },
  );
  expect((await standing(marco)).state, where).toBe(card === "pays" ? "active" : "grace");
  const recovered = card === "pays" ? ["renewal_recovered"] : [];
  expect(await letters(marco), where).toEqual(["tier_change", "renewal_failed", ...recovered]);
  return steps;
}

test.each(["pays", "is declined"] as const)(
  "at every call, before and after its effect: a card that %s",
  async (card) => {
    const steps = await endsAsItWould(card, null, "before");
    expect(steps).toBeGreaterThanOrEqual(6);
    for (let step = 1; step <= steps; step += 1) {
      for (const side of ["before", "after"] as const) await endsAsItWould(card, step, side);
    }
    await booksBalance(world);
  },
);
