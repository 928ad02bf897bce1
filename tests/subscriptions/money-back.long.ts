/** Money of an invoice goes back: its share of the granted ducats goes with it, months to come first; events only say that something happened. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { useLog } from "../support/log.ts";
import { useInvoiceReversals } from "../support/invoice-reversing.ts";
import { useReversals } from "../support/reversing.ts";
import { overlapping } from "../support/overlapping.ts";
import { grantsJson, readSubscription } from "../../lib/subscription/reread.ts";
import { useSubscribers } from "../support/subscribing.ts";
import { appAt, booksBalance, deliver, useWorld } from "../support/world.ts";

const world = useWorld();
useLog();
const subscribers = useSubscribers(world, "2026-03-10T09:00:00Z");
const { sdk, subscriber, subscribe, priceOf, news, bring, passTo, keep, granted, letters } = subscribers;
const { balance, taken, spend, withdraw, latestInvoice, paymentOf, refundLetters, openAlerts } =
  useInvoiceReversals(world, subscribers);
const { bought, arrive, refund } = useReversals(world);

afterEach(async () => {
  await booksBalance(world);
});

async function subscribed(tier: "builder" | "enterprise" = "builder", interval: "month" | "year" = "month") {
  const marco = await subscriber();
  const subscription = await subscribe(marco, tier, interval);
  await bring();
  return { marco, subscription, payment: await paymentOf(subscription) };
}

describe("refunded", () => {
  test("in part, twice: each time its share, and the letter says what was taken", async () => {
    const { marco, payment } = await subscribed();
    world.stripe.refund(payment, { amount: 3_333 });
    await bring();
    // 250 × 33.33 / 99, rounded down to a thousandth.
    expect(await balance(marco)).toMatchObject({ wallet: 165.834, frozen: 0, debt: 0 });
    vi.setSystemTime(Date.now() + 1_000);
    world.stripe.refund(payment, { amount: 3_333 });
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 81.667, frozen: 0, debt: 0 });
    expect(await taken(marco)).toEqual({ months: 250, frozen: 0, burned: 168.333, risk: 0 });
    expect(await refundLetters(marco)).toMatchObject([
      { usdCents: 3_333, takenMillis: 84_166, notGrantedMillis: 0 },
      { usdCents: 3_333, takenMillis: 84_167, notGrantedMillis: 0 },
    ]);
  });

  test("in full: all of it; what was spent is owed, and the next month repays it", async () => {
    const { marco, payment } = await subscribed();
    await spend(marco, 100);
    world.stripe.refund(payment);
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 0, frozen: 0, debt: 100 });
    await passTo("2026-04-10T12:00:00Z");
    expect(await granted(marco)).toHaveLength(2);
    expect(await balance(marco)).toMatchObject({ wallet: 150, debt: 0 });
  });

  test("what a purchase's refund left owed is repaid by a month, and not fetched from Venice any more", async () => {
    const marco = await subscriber();
    const order = await bought({ deliverTo: "venice" }, marco);
    await arrive(order);
    await refund({ purchaseId: order.purchaseId });
    expect(await balance(marco)).toMatchObject({ wallet: 0, debt: 100 });
    await subscribe(marco, "builder");
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 150, debt: 0 });
    expect(
      await world.database.rows("select open_millis::int as open from refund_debts where account_id = $1", [
        marco.id,
      ]),
    ).toEqual([{ open: 0 }]);
  });

  test("what waits to be sent to Venice is taken before there is a debt", async () => {
    const { marco, payment } = await subscribed();
    expect(await withdraw(marco, 200)).toEqual([202, undefined]);
    world.stripe.refund(payment, { amount: 4_950 });
    await bring();
    expect(await balance(marco)).toEqual({ wallet: 125, transit: 0, frozen: 0, debt: 0 });
  });

  test("and the refund fails: as if it had not been", async () => {
    const { marco, payment } = await subscribed();
    await spend(marco, 100);
    const { id } = world.stripe.refund(payment);
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 0, debt: 100 });
    world.stripe.failRefund(id);
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 150, frozen: 0, debt: 0 });
    expect(await taken(marco)).toMatchObject({ frozen: 0, burned: 0, risk: 0 });
    expect(await openAlerts(payment)).toEqual([]);
  });

  test("twenty events at once, and the same again later: taken once", async () => {
    const { marco, payment } = await subscribed();
    world.stripe.refund(payment, { amount: 4_950 });
    const events = news();
    const copies = Array.from({ length: 20 }, (_, nth) =>
      events.map((event) => ({ ...event, id: `${event.id}_${nth}` })),
    ).flat();
    const answers = await Promise.all(copies.map((event) => deliver(event)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await bring(events);
    expect(await balance(marco)).toMatchObject({ wallet: 125, frozen: 0, debt: 0 });
    expect(await refundLetters(marco)).toHaveLength(1);
  });

  test("before its invoice is known: taken as soon as it is, and the letter says so", async () => {
    const marco = await subscriber();
    const subscription = await subscribe(marco, "builder");
    const paid = news();
    world.stripe.refund(await paymentOf(subscription), { amount: 4_950 });
    await bring(news());
    await bring(paid);
    expect(await balance(marco)).toMatchObject({ wallet: 125, debt: 0 });
    expect(await refundLetters(marco)).toMatchObject([{ takenMillis: 125_000 }]);
  });

  test("an upgrade within a month, which granted nothing: nothing", async () => {
    const { marco, subscription } = await subscribed();
    vi.setSystemTime("2026-03-20T09:00:00Z");
    await upgrade(subscription, "month");
    await bring();
    world.stripe.refund(await paymentOf(subscription));
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 250, debt: 0 });
  });
});

describe("a year refunded", () => {
  test("in full: nothing more is granted, and what was is taken", async () => {
    const { marco, payment } = await subscribed("builder", "year");
    await keptAt("2026-05-20T12:00:00Z");
    expect(await balance(marco)).toMatchObject({ wallet: 750 });
    world.stripe.refund(payment);
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 0, frozen: 0, debt: 0 });
    await keptAt("2026-07-20T12:00:00Z");
    expect(await balance(marco)).toEqual({ wallet: 0, transit: 0, frozen: 0, debt: 0 });
    expect(await refundLetters(marco)).toMatchObject([{ takenMillis: 750_000, notGrantedMillis: 2_250_000 }]);
  });

  test("for the months to come: nothing that was granted is taken, whether it ends before or after", async () => {
    for (const first of ["the refund", "the end"]) {
      vi.setSystemTime("2026-03-10T09:00:00Z");
      const { marco, subscription, payment } = await subscribed("builder", "year");
      await keptAt("2026-05-20T12:00:00Z");
      if (first === "the end") await sdk().subscriptions.cancel(subscription.id);
      world.stripe.refund(payment, { amount: (99_000 * 9) / 12 });
      if (first === "the refund") await sdk().subscriptions.cancel(subscription.id);
      await bring();
      await keptAt("2026-07-20T12:00:00Z");
      expect(await balance(marco)).toMatchObject({ wallet: 750, frozen: 0, debt: 0 });
      expect(await refundLetters(marco)).toMatchObject([{ takenMillis: 0, notGrantedMillis: 2_250_000 }]);
    }
  });

  test("in part: its months end so much earlier, the last one in part", async () => {
    const { marco, payment } = await subscribed("builder", "year");
    world.stripe.refund(payment, { amount: (99_000 * 5) / 8 });
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 250 });
    await keptAt("2026-06-20T12:00:00Z");
    expect(await balance(marco)).toMatchObject({ wallet: 1_000 });
    await keptAt("2027-03-01T12:00:00Z");
    // Four and a half of twelve months are paid for.
    expect(await balance(marco)).toMatchObject({ wallet: 1_125, frozen: 0, debt: 0 });
  });

  test("its upgrade disputed and lost: the year's months are worth that much less", async () => {
    const { marco, subscription } = await subscribed("builder", "year");
    vi.setSystemTime("2026-03-11T09:00:00Z");
    await upgrade(subscription, "year");
    await bring();
    const dispute = world.stripe.openDispute(await paymentOf(subscription));
    await bring();
    expect(await withdraw(marco, 1)).toEqual([409, "payment_disputed"]);
    world.stripe.decideDispute(dispute.id, "lost");
    await bring();
    await keptAt("2027-03-01T12:00:00Z");
    const { wallet = 0, debt } = await balance(marco);
    // About 250 a month of the year, and not 20,000.
    expect(debt).toBe(0);
    expect(wallet).toBeGreaterThan(2_500);
    expect(wallet).toBeLessThan(5_000);
  });
});

describe("disputed", () => {
  test("at once: frozen, and nothing can leave for Venice; won, it can", async () => {
    const { marco, payment } = await subscribed("enterprise");
    expect(await withdraw(marco, 5_000)).toEqual([202, undefined]);
    const dispute = world.stripe.openDispute(payment);
    await bring();
    expect(await balance(marco)).toEqual({ wallet: 0, transit: 0, frozen: 20_000, debt: 0 });
    expect(await withdraw(marco, 1)).toEqual([409, "payment_disputed"]);
    const [alert] = await openAlerts(dispute.id);
    expect(alert).toMatchObject({ kind: "dispute_open" });
    expect(alert?.message).toContain("answer it in Stripe by 2026-03-18T23:59:59");
    const [decision] = await openAlerts(payment);
    expect(decision?.kind).toBe("subscription_payment_back");
    world.stripe.decideDispute(dispute.id, "won");
    await bring();
    expect(await openAlerts(dispute.id)).toEqual([]);
    expect(await openAlerts(payment)).toEqual([]);
    expect(await balance(marco)).toEqual({ wallet: 20_000, transit: 0, frozen: 0, debt: 0 });
    expect(await withdraw(marco, 1)).toEqual([202, undefined]);
  });

  test("lost: the frozen burn, what was spent is owed, and the next month repays it", async () => {
    const { marco, payment } = await subscribed();
    await spend(marco, 100);
    const dispute = world.stripe.openDispute(payment);
    await bring();
    expect(await taken(marco)).toEqual({ months: 250, frozen: 150, burned: 0, risk: 100 });
    expect(await balance(marco)).toMatchObject({ wallet: 0, frozen: 150, debt: 0 });
    world.stripe.decideDispute(dispute.id, "lost");
    await bring();
    expect(await taken(marco)).toEqual({ months: 250, frozen: 0, burned: 250, risk: 0 });
    expect(await balance(marco)).toMatchObject({ wallet: 0, frozen: 0, debt: 100 });
    await passTo("2026-04-10T12:00:00Z");
    expect(await balance(marco)).toMatchObject({ wallet: 150, debt: 0 });
  });

  test("and refunded at the same time: never more than was granted", async () => {
    const { marco, payment } = await subscribed();
    const dispute = world.stripe.openDispute(payment, { amount: 4_000 });
    world.stripe.refund(payment, { amount: 5_900 });
    await bring();
    expect(await taken(marco)).toEqual({ months: 250, frozen: 101.011, burned: 148.989, risk: 0 });
    world.stripe.decideDispute(dispute.id, "lost");
    await bring();
    expect(await taken(marco)).toEqual({ months: 250, frozen: 0, burned: 250, risk: 0 });
    expect(await balance(marco)).toEqual({ wallet: 0, transit: 0, frozen: 0, debt: 0 });
  });

  test("a bank that only asks moves nothing, and has its alert", async () => {
    const { marco, payment } = await subscribed();
    const dispute = world.stripe.openDispute(payment, { status: "warning_needs_response" });
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 250, frozen: 0 });
    expect(await openAlerts(dispute.id)).toMatchObject([{ kind: "dispute_open" }]);
    expect(await withdraw(marco, 1)).toEqual([202, undefined]);
  });

  test("a year: months that begin meanwhile are frozen, too; won, all of them are there", async () => {
    const { marco, payment } = await subscribed("builder", "year");
    const dispute = world.stripe.openDispute(payment);
    await bring();
    await keptAt("2026-05-20T12:00:00Z");
    expect(await balance(marco)).toMatchObject({ wallet: 0, frozen: 750 });
    world.stripe.decideDispute(dispute.id, "won");
    await bring();
    expect(await balance(marco)).toMatchObject({ wallet: 750, frozen: 0 });
  });

  test("a year, lost: months that begin later bring nothing", async () => {
    const { marco, payment } = await subscribed("builder", "year");
    await spend(marco, 100);
    const dispute = world.stripe.openDispute(payment);
    world.stripe.decideDispute(dispute.id, "lost");
    await bring();
    await keptAt("2026-05-20T12:00:00Z");
    expect(await balance(marco)).toEqual({ wallet: 0, transit: 0, frozen: 0, debt: 100 });
    expect(await letters(marco)).toEqual(["tier_change"]);
  });
});

describe("at the same moment", () => {
  test("a month begins while its year's dispute is read: frozen with the others", async () => {
    const { marco, payment } = await subscribed("builder", "year");
    vi.setSystemTime("2026-04-10T10:00:00Z");
    world.stripe.openDispute(payment);
    const events = news();
    await overlapping(world, "select keep_subscriptions($1, $2)", [new Date(), grantsJson], async () =>
      bring(events),
    );
    expect(await granted(marco)).toHaveLength(2);
    expect(await balance(marco)).toMatchObject({ wallet: 0, frozen: 500 });
  });

  test("its invoice, known before, is seen as paid while its refund is read: taken into account", async () => {
    const marco = await subscriber("4000000000000341");
    const subscription = await subscribe(marco, "builder", "month", { payment_behavior: "allow_incomplete" });
    await bring();
    world.stripe.turnCard(marco.card, "4242424242424242");
    await sdk().invoices.pay((await latestInvoice(subscription.id)).id);
    world.stripe.refund(await paymentOf(subscription));
    const back = news().filter(({ type }) => type === "refund.created");
    const read = await readSubscription(appAt({ now: new Date() }), subscription.id);
    await overlapping(
      world,
      "select save_subscription_read($1, $2)",
      [new Date(), JSON.stringify(read)],
      async () => bring(back),
    );
    expect(await granted(marco)).toHaveLength(1);
    expect(await balance(marco)).toMatchObject({ wallet: 0, frozen: 0, debt: 0 });
  });

  test("its invoice is written down while its refund is read: taken into account", async () => {
    const marco = await subscriber();
    const subscription = await subscribe(marco, "builder");
    const paid = news();
    const payment = await paymentOf(subscription);
    const { id } = world.stripe.refund(payment);
    news();
    const read = {
      ...{ effect: "reread", payment, purchaseId: null, ticket: "1", disputes: [] },
      refunds: [{ id, amountCents: 9_900, status: "succeeded", createdAt: new Date() }],
    };
    const event = { id: `evt_back_${id}`, type: "refund.created", livemode: false, created: 1, payload: {} };
    await overlapping(
      world,
      "select receive_stripe_event($1, $2, $3)",
      [new Date(), JSON.stringify(event), JSON.stringify(read)],
      async () => bring(paid),
    );
    expect(await granted(marco)).toHaveLength(1);
    expect(await balance(marco)).toMatchObject({ wallet: 0, frozen: 0, debt: 0 });
  });
});

/** In a year nothing happens at Stripe; our hourly work grants what has begun. */
async function keptAt(time: string): Promise<void> {
  vi.setSystemTime(time);
  await keep();
}

async function upgrade({ id, items }: Awaited<ReturnType<typeof subscribe>>, interval: "month" | "year") {
  await sdk().subscriptions.update(id, {
    items: [{ id: items.data[0]?.id ?? "", price: await priceOf("enterprise", interval) }],
    proration_behavior: "always_invoice",
  });
}
