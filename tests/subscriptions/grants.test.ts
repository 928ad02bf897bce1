/** How many ducats the months of a subscription grant: never more than the paid months of its tier, never fewer for a change. */
import { expect, test } from "vitest";
import { useLog } from "../support/log.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { booksBalance, useWorld } from "../support/world.ts";

const world = useWorld();
useLog();
const { sdk, subscriber, subscribe, startByPage, change, priceOf, bring, passTo, granted } = useSubscribers(
  world,
  "2026-03-10T09:00:00Z",
);

function total(months: readonly (readonly [string, number])[]): number {
  return months.reduce((sum, [, ducats]) => sum + ducats, 0);
}

test("a month, a day later a year of the same tier: that month is granted once, and twelve in the year", async () => {
  const marco = await subscriber();
  await startByPage(marco, "enterprise", "month");
  await passTo("2026-03-11T09:00:00Z");
  expect((await change(marco, "enterprise", "year")).status).toBe(200);
  await bring();
  expect(await granted(marco)).toEqual([["2026-03-10", 20_000]]);
  await passTo("2027-03-10T12:00:00Z");
  expect(await granted(marco)).toHaveLength(12);
  await booksBalance(world);
});

test("a month, a day later a year of a dearer tier: what that tier's month grants more, and twelve of it in the year", async () => {
  const marco = await subscriber();
  await startByPage(marco, "builder", "month");
  await passTo("2026-03-11T09:00:00Z");
  expect((await change(marco, "architect", "year")).status).toBe(200);
  await bring();
  expect(await granted(marco)).toEqual([
    ["2026-03-10", 250],
    ["2026-03-11", 1_250],
  ]);
  await passTo("2027-03-10T12:00:00Z");
  expect(total(await granted(marco))).toBe(12 * 1_500);
});

test("a year that the operator makes a month: the year's months end with it", async () => {
  const marco = await subscriber();
  const { id, items } = await subscribe(marco, "builder", "year");
  await bring();
  await passTo("2026-03-20T12:00:00Z");
  await sdk().subscriptions.update(id, {
    items: [{ id: items.data[0]?.id ?? "", price: await priceOf("builder", "month") }],
    proration_behavior: "always_invoice",
  });
  await bring();
  await passTo("2026-06-25T12:00:00Z");
  expect(await granted(marco)).toEqual([
    ["2026-03-10", 250],
    ["2026-04-20", 250],
    ["2026-05-20", 250],
    ["2026-06-20", 250],
  ]);
});

test("a month that is paid after a later one is granted, too", async () => {
  world.stripe.setBilling({ afterRetries: "past_due" });
  const marco = await subscriber();
  const { id } = await subscribe(marco, "builder");
  await bring();
  world.stripe.turnCard(marco.card, "4000000000000341");
  await passTo("2026-05-11T12:00:00Z");
  world.stripe.turnCard(marco.card, "4242424242424242");
  const open = await sdk().invoices.list({ subscription: id, status: "open" });
  for (const invoice of open.data) await sdk().invoices.pay(invoice.id);
  await bring();
  expect(await granted(marco)).toHaveLength(3);
  world.stripe.setBilling({ afterRetries: "cancel" });
});
