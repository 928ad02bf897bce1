/** A worker that dies at any call of a change: the same key goes on, and what was asked for is made once. */
import { expect, test } from "vitest";
import { Unavailable } from "../../../lib/errors.ts";
import { changeSubscription } from "../../../lib/subscription/change.ts";
import { previewPlan } from "../../../lib/subscription/preview.ts";
import { plantSession } from "../../authorisation/people.ts";
import { stepped } from "../../support/steps.ts";
import { appAt, useWorld } from "../../support/world.ts";
import { architect, builder, useSubscribers } from "./subscriber.ts";

const world = useWorld();
const { act, change, pass, sdk, show, subscribed } = useSubscribers(world);

function invoicesOf(subscription: string) {
  return world.stripe.world.billing.invoices
    .oldestFirst()
    .filter(({ parent }) => parent?.subscription_details?.subscription === subscription);
}

test.each([
  ["an upgrade with a change scheduled", "revolutionary", "before it"],
  ["an upgrade with a change scheduled", "revolutionary", "after it"],
  ["a downgrade", "builder", "before it"],
  ["a downgrade", "builder", "after it"],
] as const)("%s to %s, dying %s at each call: again with the same key, made once", async (_, tier, when) => {
  for (let deadly = 0; ; deadly += 1) {
    const customer = await subscribed(architect);
    if (tier === "revolutionary") await change(customer, builder);
    const { id: sessionId } = await plantSession(world, customer.id);
    const clock = { now: new Date() };
    const app = appAt(clock);
    const previewed = await previewPlan(app, sessionId, { tier, period: "month" });
    if (previewed.kind !== "previewed") throw new Error(previewed.kind);
    const { prorationAt, dueNowCents } = previewed;
    const asked = { kind: "change", tier, period: "month", prorationAt, dueNowCents } as const;
    let calls = 0;
    let isDead = false;
    const dying = stepped(app, async ({ call: go }) => {
      if (isDead) throw new Error("dead");
      if (calls++ !== deadly) return;
      isDead = true;
      if (when === "after it") await go();
      throw new Unavailable("stripe", { effect: "unknown", message: "dead" });
    });
    const request = { sessionId, idempotencyKey: "again", asked };
    await changeSubscription(dying, request).catch((error: unknown) => error);
    // Whoever died has left a lease, which is over first.
    clock.now = new Date(clock.now.getTime() + 2 * 60_000);
    expect(await changeSubscription(app, request)).toEqual({ kind: "done" });
    const standing = await show(customer);
    if (tier === "revolutionary") {
      expect(standing).toMatchObject({ tier, subscription: { next: null } });
      const bills = invoicesOf(customer.subscription);
      expect(bills.map(({ amount_paid: paid }) => paid)).toEqual([49_900, Number(dueNowCents)]);
    } else {
      expect(standing).toMatchObject({ tier: "architect", subscription: { next: { tier } } });
      expect(invoicesOf(customer.subscription)).toHaveLength(1);
    }
    if (calls <= deadly) {
      expect(deadly).toBeGreaterThanOrEqual(6);
      break;
    }
  }
});

const cheaperIsScheduled = async () => {
  const customer = await subscribed(architect);
  await change(customer, builder);
  return customer;
};
const pausedBeyond = async () => {
  const customer = await subscribed(architect);
  await act(customer, { action: "pause" });
  return await pass(customer, 40);
};
const ways = [
  ["cancel", cheaperIsScheduled, { state: "ending", subscription: { next: null } }, 1],
  ["keep", cheaperIsScheduled, { state: "active", subscription: { next: null, cancelAt: null } }, 1],
  ["pause", () => subscribed(), { subscription: { paused: true } }, 1],
  ["unpause", pausedBeyond, { state: "active", tier: "architect", subscription: { paused: false } }, 2],
] as const;

test.each(ways.flatMap((way) => [[...way, "before it"] as const, [...way, "after it"] as const]))(
  "%s, dying at each call (%#): again with the same key, made once",
  async (kind, given, expected, payments, when) => {
    for (let deadly = 0; ; deadly += 1) {
      const customer = await given();
      const { id: sessionId } = await plantSession(world, customer.id);
      const clock = { now: new Date() };
      const app = appAt(clock);
      let calls = 0;
      let isDead = false;
      const dying = stepped(app, async ({ call: go }) => {
        if (isDead) throw new Error("dead");
        if (calls++ !== deadly) return;
        isDead = true;
        if (when === "after it") await go();
        throw new Unavailable("stripe", { effect: "unknown", message: "dead" });
      });
      const request = { sessionId, idempotencyKey: "again", asked: { kind } };
      await changeSubscription(dying, request).catch((error: unknown) => error);
      clock.now = new Date(clock.now.getTime() + 2 * 60_000);
      expect(await changeSubscription(app, request)).toEqual({ kind: "done" });
      expect(await show(customer)).toMatchObject(expected);
      const invoices = (await sdk().invoices.list({ subscription: customer.subscription })).data;
      expect(invoices.filter(({ amount_paid: paid }) => paid > 0)).toHaveLength(payments);
      if (calls <= deadly) {
        expect(deadly).toBeGreaterThanOrEqual(6);
        break;
      }
    }
  },
);
