/** The stand-in's events as a test takes them: listed, held, given in any order; its clock; its control page. */
import { Stripe } from "stripe";
import { expect, test } from "vitest";
import {
  control,
  holds,
  paid,
  pageForm,
  pay,
  purchase,
  refusal,
  SECRET,
  start,
  startShop,
  startWithShop,
} from "./stripe-shop.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

test("lists by type, types, group and time, with cursors, newest first", async () => {
  const { stripe, standIn } = await paid({}, { now: () => new Date("2026-11-20T12:00:00Z") });
  const first = standIn.events.since().length;
  standIn.clock.advance(60_000);
  await pay({ standIn, stripe });
  const types = async (params: Stripe.EventListParams) =>
    (await stripe.events.list({ limit: 100, ...params })).data.map(({ type }) => type);
  expect(await types({ type: "checkout.session.completed" })).toHaveLength(2);
  expect(await types({ types: ["charge.updated", "payment_intent.succeeded"] })).toEqual([
    "charge.updated",
    "payment_intent.succeeded",
    "charge.updated",
    "payment_intent.succeeded",
  ]);
  expect(await types({ type: "payment_intent.*" })).toHaveLength(4);
  const minute = new Date("2026-11-20T12:00:00Z").getTime() / 1000;
  expect(await types({ created: { lte: minute } })).toHaveLength(first);
  expect(await types({ created: { gt: minute }, type: "charge.*" })).toEqual([
    "charge.updated",
    "charge.succeeded",
  ]);
  const ids = standIn.events.since().map(({ id }) => id);
  const paged: string[] = [];
  for await (const { id } of stripe.events.list({ limit: 3 })) paged.push(id);
  expect(paged).toEqual(ids.toReversed());
  const after = await stripe.events.list({ ending_before: ids[1] ?? "", limit: 100 });
  expect(after.data.map(({ id }) => id)).toEqual(ids.slice(2).toReversed());
  expect(await refusal(stripe.events.list({ type: "a", types: ["b"] }))).toMatchObject({ param: "type" });
  const many = Array.from({ length: 21 }, () => "charge.updated");
  expect(await refusal(stripe.events.list({ types: many }))).toMatchObject({ param: "types" });
});

test("reaches thirty days back and no further", async () => {
  const { stripe, standIn } = await paid();
  const [oldest] = standIn.events.since();
  standIn.clock.advance(30 * DAY_MS - 60_000);
  expect((await stripe.events.retrieve(oldest?.id ?? "")).id).toBe(oldest?.id);
  expect((await stripe.events.list({ type: "charge.succeeded" })).data).toHaveLength(1);
  standIn.clock.advance(2 * 60_000);
  expect(await refusal(stripe.events.retrieve(oldest?.id ?? ""))).toMatchObject({ statusCode: 404 });
  expect((await stripe.events.list({ type: "charge.succeeded" })).data).toEqual([]);
});

test("delivery_success follows what every endpoint answered", async () => {
  const { stripe, standIn, shop } = await startWithShop({ retryDelaysMs: [] });
  const other = await startShop();
  standIn.listen({ url: other.url, secret: "whsec_other" });
  const delivered = async (success: boolean) =>
    (await stripe.events.list({ delivery_success: success })).data.map(
      ({ type, pending_webhooks: pending }) => [type, pending],
    );
  other.answers.push(500);
  await stripe.customers.create({ name: "Marco" });
  await standIn.flush();
  expect(await delivered(true)).toEqual([]);
  expect(await delivered(false)).toEqual([["customer.created", 1]]);
  const [event] = standIn.events.since();
  standIn.webhooks.resend(event?.id ?? "");
  await standIn.flush();
  expect(await delivered(true)).toEqual([["customer.created", 0]]);

  standIn.webhooks.disturb({ lose: 1 });
  await stripe.products.create({ name: "lost on the way to one of two" });
  standIn.webhooks.hold();
  await stripe.customers.create({ name: "held" });
  await standIn.flush();
  expect(await delivered(false)).toEqual([
    ["customer.created", 2],
    ["product.created", 1],
  ]);
  standIn.webhooks.discard();
  standIn.webhooks.release();
  await standIn.flush();
  expect(await delivered(false)).toHaveLength(2);
  expect(shop.types()).toEqual(["customer.created", "customer.created"]);
  expect(other.types()).toEqual(["customer.created", "customer.created", "product.created"]);
});

test("an event is taken as a signed request without a socket, as often as one likes", async () => {
  const { stripe, standIn, types } = await paid();
  const mark = standIn.events.mark();
  expect(standIn.events.since(mark)).toEqual([]);
  const events = standIn.events.since().slice(-types().length);
  const [event] = events;
  if (!event) throw new Error("There is no event");
  const sent = standIn.events.signed(event, { secret: SECRET });
  const read = stripe.webhooks.constructEvent(sent.body, sent.headers["stripe-signature"], SECRET);
  expect(read).toEqual(JSON.parse(JSON.stringify(event)));
  expect(sent).toMatchObject({ id: event.id, type: event.type });
  const old = standIn.events.signed(event, { secret: SECRET, at: new Date(Date.now() - 301_000) });
  expect(() => stripe.webhooks.constructEvent(old.body, old.headers["stripe-signature"], SECRET)).toThrow(
    Stripe.errors.StripeSignatureVerificationError,
  );
  expect(() => standIn.events.signed(event)).toThrow("say the secret");
  standIn.listen({ url: "http://127.0.0.1:1/never", secret: SECRET });
  expect(standIn.events.signed(event).headers["stripe-signature"]).toBe(
    standIn.events.signed(event, { secret: SECRET }).headers["stripe-signature"],
  );
});

test("chosen events arrive in a chosen order, repeated or never, while the others are held", async () => {
  const { stripe, standIn, shop } = await startWithShop();
  standIn.webhooks.hold();
  const { id } = await stripe.checkout.sessions.create(purchase());
  standIn.pay(id);
  const [completed, succeeded] = ["checkout.session.completed", "payment_intent.succeeded"].map(
    (type) => standIn.events.since().find((event) => event.type === type)?.id ?? "",
  );
  shop.answers.push(503);
  const answers = await standIn.webhooks.deliver([succeeded ?? "", completed ?? "", succeeded ?? ""]);
  expect(answers.map(({ status }) => status)).toEqual([503, 200, 200]);
  expect(shop.types()).toEqual([
    "payment_intent.succeeded",
    "checkout.session.completed",
    "payment_intent.succeeded",
  ]);
  const body = shop.received[0]?.body ?? "";
  expect(stripe.webhooks.constructEvent(body, shop.received[0]?.signature ?? "", SECRET).id).toBe(succeeded);
  await expect(standIn.webhooks.deliver(["evt_no"])).rejects.toThrow("No such event: evt_no");
  standIn.webhooks.discard();
  standIn.webhooks.release();
  await standIn.flush();
  expect(shop.received).toHaveLength(3);
});

test("the clock stands still, moves on, and runs again", async () => {
  const { stripe, standIn } = await start();
  standIn.clock.set(new Date("2026-10-01T08:00:00.500Z"));
  const created = async () => (await stripe.customers.create({ name: "x" })).created;
  const second = Date.parse("2026-10-01T08:00:00Z") / 1000;
  expect([await created(), await created()]).toEqual([second, second]);
  standIn.clock.advance(500);
  expect(await created()).toBe(second + 1);
  standIn.clock.advance(-3_600_000);
  expect(await created()).toBe(second - 3_599);
  standIn.clock.resume();
  expect(Math.abs((await created()) - Date.now() / 1000)).toBeLessThan(60);
  standIn.clock.advance(-2 * DAY_MS);
  expect(Math.abs((await created()) + 2 * 86_400 - Date.now() / 1000)).toBeLessThan(60);
  expect((await control(standIn, "/clock/set", { at: "2026-10-02T00:00:00Z" })).status).toBe(200);
  expect(standIn.clock.now()).toEqual(new Date("2026-10-02T00:00:00Z"));
  expect((await control(standIn, "/clock/resume")).status).toBe(200);
  expect((await control(standIn, "/clock/set", { at: "soon" })).status).toBe(400);
});

test("a person refunds, disputes, settles and pays out on the control page", async () => {
  const { stripe, standIn, intent, charge } = await paid({ card: "4000000000007726" });
  const customer = await stripe.customers.create({ email: "marco@venice.test" });
  const debit = await stripe.checkout.sessions.create(purchase());
  standIn.pay(debit.id, { bankDebit: true });
  const transfer = await stripe.checkout.sessions.create(purchase({ customer: customer.id }));
  standIn.pay(transfer.id, { bankTransfer: true });
  const press = async (path: string, fields: Record<string, string> = {}) => {
    const page = await (await fetch(`${standIn.url}/_control`)).text();
    expect(page).toContain(`action="/_control/${path}"`);
    expect((await pageForm(`${standIn.url}/_control/${path}`, fields)).status).toBe(303);
  };
  await press(`payments/${intent}/refund`, { amount: "1000" });
  const [refund] = (await stripe.refunds.list({ charge })).data;
  expect(refund).toMatchObject({ amount: 1_000, status: "pending" });
  await press(`refunds/${refund?.id ?? ""}/succeed`);
  await press(`refunds/${refund?.id ?? ""}/fail`);
  await press(`payments/${intent}/dispute`, {
    amount: "",
    status: "warning_needs_response",
    reason: "unrecognized",
  });
  const [dispute] = (await stripe.disputes.list({ charge })).data;
  expect(dispute).toMatchObject({ amount: 9_900, status: "warning_needs_response" });
  await press(`disputes/${dispute?.id ?? ""}/escalate`);
  await press(`disputes/${dispute?.id ?? ""}/decide`, { decision: "won" });
  await press(`sessions/${debit.id}/settle-debit`, { how: "succeeds" });
  await press(`sessions/${transfer.id}/settle-transfer`, { how: "arrives" });
  standIn.clock.advance(3 * DAY_MS);
  await press("payouts");
  const [payout] = (await stripe.payouts.list()).data;
  await press(`payouts/${payout?.id ?? ""}/settle`, { how: "arrives" });
  expect((await stripe.payouts.list()).data[0]?.status).toBe("paid");
  await holds(stripe, standIn);
});
