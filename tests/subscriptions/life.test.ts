/** What a subscription's life makes of an account: its tier, its months' ducats, its letters. */
import { expect, test, vi } from "vitest";
import { useTold } from "../functions/stripe-webhook/told.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
const subscribers = useSubscribers(world, "2026-01-31T10:00:00Z");
const { sdk, subscriber, subscribe, bring, passTo, standing, granted, letters, startByPage, act, change } =
  subscribers;
const { latestInvoice } = useTold(world, subscribers);

const declining = "4000000000000341";

test("a month at a time: paid, renewed on the month's last days, each month granted once", async () => {
  const marco = await subscriber();
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "none" });
  await subscribe(marco, "builder");
  await bring();
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  await passTo("2026-04-02T00:00:00Z");
  expect(await granted(marco)).toEqual([
    ["2026-01-31", 250],
    ["2026-02-28", 250],
    ["2026-03-31", 250],
  ]);
  expect(await letters(marco)).toEqual(["tier_change"]);
  await booksBalance(world);
});

test("the month of a period that ends later in the month than it began is that period", async () => {
  const marco = await subscriber();
  await subscribe(marco, "builder");
  await bring();
  await passTo("2026-03-29T12:00:00Z");
  expect(
    await world.database.rows("select month_start, month_end from entitlements($1, $2)", [
      marco.id,
      new Date(),
    ]),
  ).toEqual([{ month_start: new Date("2026-02-28T10:00:00Z"), month_end: new Date("2026-03-31T10:00:00Z") }]);
});

test("a declined renewal: full service for seven days, letters, then Explorer; a new card brings it back", async () => {
  const marco = await subscriber();
  await subscribe(marco, "architect");
  await bring();
  world.stripe.turnCard(marco.card, declining);
  await passTo("2026-03-01T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "architect", state: "grace" });
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed"]);
  await passTo("2026-03-07T09:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "architect", state: "grace" });
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed", "grace_ending"]);
  await passTo("2026-03-07T11:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "lapsed" });
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed", "grace_ending", "tier_change"]);
});

test("an invoice that the operator has forgiven shortens no later grace", async () => {
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  world.stripe.turnCard(marco.card, declining);
  await passTo("2026-03-01T12:00:00Z");
  await sdk().invoices.markUncollectible((await latestInvoice(id)).id);
  world.stripe.turnCard(marco.card, "4242424242424242");
  await passTo("2026-04-02T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  world.stripe.turnCard(marco.card, declining);
  await passTo("2026-05-06T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
  await passTo("2026-05-07T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "lapsed" });
});

test("nor does an older one that is still open when a later one was paid", async () => {
  world.stripe.setBilling({ afterRetries: "past_due" });
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  world.stripe.turnCard(marco.card, declining);
  await passTo("2026-04-01T12:00:00Z");
  world.stripe.turnCard(marco.card, "4242424242424242");
  await sdk().invoices.pay((await latestInvoice(id)).id);
  world.stripe.turnCard(marco.card, declining);
  await bring();
  await passTo("2026-05-01T12:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
  world.stripe.setBilling({ afterRetries: "cancel" });
});

test("a scheduled downgrade holds from its time on, though Stripe has not told of it yet", async () => {
  const marco = await subscriber();
  await startByPage(marco, "architect", "month");
  expect((await change(marco, "builder", "month")).status).toBe(200);
  vi.setSystemTime("2026-02-28T09:59:59Z");
  expect(await standing(marco)).toEqual({ tier: "architect", state: "active" });
  vi.setSystemTime("2026-02-28T10:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
});

test("Stripe gives up before the seven days are over: the tier stays for them all the same, then it has ended", async () => {
  world.stripe.setBilling({ retryDays: [1, 2] });
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  world.stripe.turnCard(marco.card, declining);
  await passTo("2026-03-04T12:00:00Z");
  expect((await sdk().subscriptions.retrieve(id)).status).toBe("canceled");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "grace" });
  await passTo("2026-03-07T11:00:00Z");
  expect(await standing(marco)).toEqual({ tier: "explorer", state: "ended" });
  expect(await letters(marco)).toEqual(["tier_change", "renewal_failed", "tier_change"]);
  world.stripe.setBilling({ retryDays: [3, 5, 7] });
});

test("paused while a renewal's invoice is a draft: it is charged, and served without a gap", async () => {
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  await passTo("2026-02-28T10:30:00Z");
  expect((await latestInvoice(id)).status).toBe("draft");
  await act(marco, { action: "pause" });
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
  await passTo("2026-03-01T10:00:00Z");
  expect((await latestInvoice(id)).status).toBe("paid");
  expect(await standing(marco)).toEqual({ tier: "builder", state: "active" });
});
