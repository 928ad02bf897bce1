/** Dead endpoints, events that cannot be applied or read, Stripe away, and times that Stripe's list doesn't reach. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import StripeSdk from "stripe";
import { afterEach, expect, test } from "vitest";
import { deliver, eventsOf, useWorld } from "../support/world.ts";
import { DAY, HOUR, MINUTE, useShop } from "./shop.ts";

const world = useWorld();
const shop = useShop(world);

afterEach(async () => {
  shop.advance(HOUR);
  await world.database.rows("update alerts set closed_at = now() where closed_at is null");
});

async function deliverAll(purchaseId: string): Promise<void> {
  for (const event of eventsOf(world, purchaseId, "checkout.session.completed", "payment_intent.succeeded"))
    await deliver(event, new Date());
}

async function readTo(): Promise<string | undefined> {
  const [row] = await world.database.rows<{ to: string }>(
    "select iso(read_to) as to from stripe_walks where list = 'events'",
  );
  return row?.to;
}

test("an endpoint that is switched off: what it misses is fetched, the operator told, and told no more once it is heard", async () => {
  const heard = await shop.paid();
  await deliverAll(heard.purchaseId);
  shop.advance(HOUR);
  await shop.run();
  expect(await shop.openAlerts()).toEqual([]);

  const missed = await shop.paid();
  shop.advance(10 * MINUTE);
  expect(await shop.run()).toMatchObject({ events: 2 });
  expect(await shop.end(missed)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  expect(await shop.openAlerts()).toEqual(["webhook_silent"]);

  shop.advance(10 * MINUTE);
  await shop.run();
  expect(await shop.openAlerts()).toEqual(["webhook_silent"]);
  // Switched on again, and Stripe's own retry of the missed ones arrives.
  await deliverAll(missed.purchaseId);
  shop.advance(10 * MINUTE);
  await shop.run();
  expect(await shop.openAlerts()).toEqual([]);
  expect(await shop.end(missed)).toMatchObject({ wallet: 100_000, credits: 1 });
});

test("Stripe has switched the endpoint off: nothing is delivered, everything is credited, and nothing twice once it is on again", async () => {
  const server = createServer((request, response) => {
    void text(request)
      .then(async (body) => (await deliver(JSON.parse(body) as object)).status)
      .then((status) => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const sdk = new StripeSdk(process.env["STRIPE_SECRET_KEY"] ?? "", world.stripe.sdkConfig);
  const endpoint = await sdk.webhookEndpoints.create({
    url: `http://127.0.0.1:${port}`,
    enabled_events: ["*"],
  });
  const enable = async (enabled: boolean) => {
    await sdk.webhookEndpoints.update(endpoint.id, { disabled: !enabled });
  };
  const heard = await shop.paid();
  await world.stripe.flush();
  expect(await shop.end(heard)).toMatchObject({ status: "paid", wallet: 100_000 });

  await enable(false);
  shop.advance(HOUR);
  const missed = await shop.paid();
  world.stripe.refund(heard.sessionId);
  await world.stripe.flush();
  expect(await shop.end(missed)).toMatchObject({ status: "open" });
  shop.advance(10 * MINUTE);
  await shop.run();
  expect(await shop.end(missed)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  expect(await shop.end(heard)).toMatchObject({ wallet: 0, credits: 1 });
  expect(await shop.openAlerts()).toEqual(["webhook_silent"]);
  await shop.agrees();

  await enable(true);
  const after = await shop.paid();
  await world.stripe.flush();
  expect(await shop.end(after)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  shop.advance(10 * MINUTE);
  expect(await shop.run()).toMatchObject({ events: 0 });
  expect(await shop.end(missed)).toMatchObject({ wallet: 100_000, credits: 1 });
  expect(await shop.openAlerts()).toEqual([]);
  await sdk.webhookEndpoints.del(endpoint.id);
  server.close();
});

test("an event younger than two minutes is the webhook's", async () => {
  const bought = await shop.paid();
  shop.advance(MINUTE);
  expect(await shop.run()).toMatchObject({ events: 0 });
  expect(await shop.end(bought)).toMatchObject({ status: "open" });
  await deliverAll(bought.purchaseId);
  shop.advance(10 * MINUTE);
  expect(await shop.run()).toMatchObject({ events: 0, postings: 1 });
  expect(await shop.openAlerts()).toEqual([]);
});

test("an event that was listed after the cursor had passed its second is found by the overlap", async () => {
  const bought = await shop.paid();
  const hidden = eventsOf(world, bought.purchaseId, "checkout.session.completed", "payment_intent.succeeded");
  const made = hidden[0]?.created ?? 0;
  for (const event of hidden) event.created = made + HOUR;
  shop.advance(4 * MINUTE);
  await shop.run();
  expect(Date.parse((await readTo()) ?? "")).toBeGreaterThan(made * 1000 + MINUTE);
  expect(await shop.end(bought)).toMatchObject({ status: "open" });
  for (const event of hidden) event.created = made;
  shop.advance(3 * MINUTE);
  await shop.run();
  expect(await shop.end(bought)).toMatchObject({ status: "paid", credits: 1 });
});

test("an event that cannot be applied is kept with its alert, holds up no other, and is applied once it can be", async () => {
  const [stuck, fine] = [await shop.paid(), await shop.paid()];
  await world.database.rows(
    `alter table usage_events add constraint planted check (event_id <> '${stuck.purchaseId}')`,
  );
  shop.advance(10 * MINUTE);
  expect(await shop.run()).toMatchObject({ events: 2, failedEvents: 2, stopped: null });
  expect(await shop.end(stuck)).toMatchObject({ status: "open", wallet: 0 });
  expect(await shop.end(fine)).toMatchObject({ status: "paid", wallet: 100_000 });
  expect(await shop.openAlerts()).toEqual(
    expect.arrayContaining(["stripe_event_failed", "stripe_event_failed"]),
  );
  expect(Date.parse((await readTo()) ?? "")).toBeGreaterThan(shop.clock.now.getTime() - 3 * MINUTE);

  // Long behind the cursor and its overlap: it is due in the inbox.
  shop.advance(2 * HOUR);
  await shop.run();
  shop.advance(2 * HOUR);
  await world.database.rows("alter table usage_events drop constraint planted");
  await shop.run();
  expect(await shop.end(stuck)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  expect(await shop.openAlerts()).not.toContain("stripe_event_failed");
});

test("a list in the account's own API version, which is not ours: the objects are read in ours", async () => {
  const [bought, refunded, left] = [await shop.paid(), await shop.paid(), await shop.order()];
  world.stripe.refund(refunded.sessionId);
  shop.advance(2 * HOUR);
  const events = world.stripe.world.events.oldestFirst();
  const before = events.map(({ api_version: version }) => version);
  for (const event of events) event.api_version = "2020-08-27";
  // One of them was delivered like that: stored, and not interpreted.
  const [completed] = eventsOf(world, bought.purchaseId, "checkout.session.completed");
  if (!completed) throw new Error("no completion");
  expect((await deliver(completed)).status).toBe(500);
  expect(await shop.run()).toMatchObject({ failedEvents: 0, stopped: null });
  expect(await shop.end(bought)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  expect(await shop.end(refunded)).toMatchObject({ status: "paid", wallet: 0, credits: 1 });
  expect(await shop.end(left)).toMatchObject({ status: "expired" });
  const [row] = await world.database.rows("select state from stripe_events where id = $1", [completed.id]);
  expect(row).toEqual({ state: "applied" });
  for (const [index, event] of events.entries()) event.api_version = before[index] ?? "";
});

test.each(["status", "drop_before", "drop_after"] as const)(
  "Stripe away midway (%s): the run stops, the cursor stays, the next run goes on",
  async (kind) => {
    const [bought, refunded] = [await shop.paid(), await shop.paid()];
    world.stripe.refund(refunded.sessionId);
    shop.advance(10 * MINUTE);
    const before = await readTo();
    // The list is read; the payments behind its refund events are not.
    world.stripe.faults.plan({ kind, path: "/v1/refunds", times: 50 });
    expect((await shop.run()).stopped).toMatch(/stripe/i);
    expect(await readTo()).toBe(before);
    world.stripe.faults.clear();
    shop.advance(10 * MINUTE);
    expect(await shop.run()).toMatchObject({ stopped: null });
    expect(await shop.end(bought)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
    expect(await shop.end(refunded)).toMatchObject({ status: "paid", wallet: 0, credits: 1 });
    await shop.agrees();
  },
  30_000,
);

test("what Stripe refuses one part stops no other, and is told", async () => {
  const bought = await shop.paid();
  shop.advance(15 * MINUTE);
  world.stripe.faults.plan({ kind: "status", status: 403, path: "/v1/balance_transactions", times: 10 });
  await expect(shop.run()).rejects.toThrow();
  expect(await shop.end(bought)).toMatchObject({ status: "paid", credits: 1 });
  expect(await shop.openAlerts()).toContain("reconciling_failed");
  world.stripe.faults.clear();
  await shop.run();
  expect(await shop.openAlerts()).not.toContain("reconciling_failed");
  await shop.agrees();
});

test("a session whose id was never stored: its events name the purchase", async () => {
  const [bought, left] = [await shop.paid(), await shop.order()];
  await world.database.rows(
    "update purchase_attempts set session_id = null, session_url = null where purchase_id = any($1)",
    [[bought.purchaseId, left.purchaseId]],
  );
  await world.database.rows("update purchases set status = 'draft' where id = any($1)", [
    [bought.purchaseId, left.purchaseId],
  ]);
  shop.advance(2 * HOUR);
  // The stand-in finds out that a session's time is over when it is asked for anything.
  await shop.run();
  shop.advance(10 * MINUTE);
  await shop.run();
  expect(await shop.end(bought)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  expect(await shop.end(left)).toMatchObject({ status: "expired" });
});

test("after thirty days Stripe's list is silent: open orders are settled by their sessions", async () => {
  const [bought, slow, bounced, waiting, left] = [
    await shop.paid(),
    await shop.order(),
    await shop.order(),
    await shop.order(),
    await shop.order(),
  ];
  for (const { sessionId } of [slow, bounced, waiting]) world.stripe.pay(sessionId, { bankDebit: true });
  shop.advance(4 * DAY);
  world.stripe.settleDebit(slow.sessionId, "succeeds");
  world.stripe.settleDebit(bounced.sessionId, "fails");
  shop.advance(36 * DAY);
  const reports = [await shop.run()];
  shop.advance(10 * MINUTE);
  reports.push(await shop.run());
  expect(reports.reduce((sum, { sessions }) => sum + sessions, 0)).toBeGreaterThanOrEqual(4);
  expect(await shop.end(bought)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  expect(await shop.end(slow)).toMatchObject({ status: "paid", wallet: 100_000, credits: 1 });
  expect(await shop.end(bounced)).toMatchObject({ status: "failed", wallet: 0 });
  expect(await shop.end(waiting)).toMatchObject({ status: "processing", wallet: 0 });
  expect(await shop.end(left)).toMatchObject({ status: "expired" });
  expect(await shop.openAlerts()).toContain("stripe_events_out_of_reach");
  await shop.agrees();
});
