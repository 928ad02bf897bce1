/** An admin's refund: frozen first, asked of Stripe once, burned when it is made, given back when it fails. */
import { expect, test } from "vitest";
import { sendRefunds } from "../../../lib/purchase/refund.ts";
import { useReversals } from "../../support/reversing.ts";
import { appAt, booksBalance, useWorld } from "../../support/world.ts";

const world = useWorld();
const { bought, refund, balance, purchase, news, spend, dollars } = useReversals(world);
const minutes = (count: number) => ({ now: new Date(Date.now() + count * 60_000) });

test("all of it: the ducats are gone, the dollars are on their way, and asking again finds nothing left", async () => {
  const { purchaseId, customer, payment } = await bought({ pack: "explorer" });
  const before = await dollars();
  const answer = await refund({ purchaseId });
  expect(answer.status).toBe(201);
  expect(answer.body).toMatchObject({ state: "made", purchaseId, payment, amountCents: 5_000 });
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 0, debt: 0 });
  expect(await purchase(purchaseId)).toEqual({ frozen: 0, burned: 525_000, risk: 0, owed: 0 });
  await news();
  expect(await purchase(purchaseId)).toEqual({ frozen: 0, burned: 525_000, risk: 0, owed: 0 });
  const after = await dollars();
  expect((after.get("refunds") ?? 0) - (before.get("refunds") ?? 0)).toBe(5_000);
  const again = await refund({ purchaseId });
  expect([again.status, again.body.code, again.body.detail]).toEqual([
    409,
    "not_refundable",
    "$0.00 of it can still be refunded; $50.00 went back.",
  ]);
  await booksBalance(world);
});

test("in parts: cumulative, rounded down, never more than was given", async () => {
  const { purchaseId, customer } = await bought({ pack: "explorer" });
  const taken = [];
  for (const amountCents of [1, 1, 3_332, 1_666]) {
    expect((await refund({ purchaseId, amountCents })).status).toBe(201);
    taken.push(Number((await purchase(purchaseId))?.["burned"]));
  }
  expect(taken).toEqual([105, 210, 350_070, 525_000]);
  expect((await balance(customer))["wallet"]).toBe(0);
  const [bonus] = await world.database.rows(
    "select sum(amount) as sum from entries e join transactions t on t.id = e.transaction_id where ledger = 'bonus' and business_key like $1",
    [`%${purchaseId}%`],
  );
  expect(bonus).toEqual({ sum: "0" });
  expect((await refund({ purchaseId, amountCents: 1 })).body.code).toBe("not_refundable");
});

test("the letters of several parts say together what was taken", async () => {
  const { purchaseId, payment } = await bought({ pack: "explorer" });
  for (const amount of [333, 333, 334]) world.stripe.refund(payment, { amount });
  await news();
  const [told] = await world.database.rows(
    "select sum((data ->> 'takenMillis')::int)::int as taken from letters where kind = 'refunded' and data ->> 'purchaseId' = $1",
    [purchaseId],
  );
  expect(told?.["taken"]).toBe((await purchase(purchaseId))?.["burned"]);
});

test("too much, a purchase that was never paid, no reason, both or neither named: refused", async () => {
  const { purchaseId } = await bought();
  expect((await refund({ purchaseId, amountCents: 1_001 })).body.detail).toBe(
    "$10.00 of it can still be refunded.",
  );
  expect((await refund({ purchaseId: "pur_00000000000000000000" })).status).toBe(404);
  expect((await refund({ purchaseId, payment: "pi_1" })).status).toBe(422);
  expect((await refund({})).status).toBe(422);
  expect((await refund({ purchaseId, reason: " " })).status).toBe(422);
  expect((await refund({ purchaseId, amountCents: 0 })).status).toBe(422);
  expect(await purchase(purchaseId)).toMatchObject({ burned: 0, frozen: 0 });
});

test("the same key twenty times at once is one refund; another amount with it is refused", async () => {
  const { purchaseId } = await bought();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => refund({ purchaseId, amountCents: 400 }, "once")),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(await purchase(purchaseId)).toMatchObject({ burned: 40_000 });
  expect((await refund({ purchaseId, amountCents: 500 }, "once")).body.code).toBe("idempotency_key_reused");
  expect(
    world.stripe.world.refunds
      .oldestFirst()
      .filter(({ metadata }) => metadata?.["refund"] === answers[0]?.body.id),
  ).toHaveLength(1);
});

test("twenty different ones at once never exceed what was paid", async () => {
  const { purchaseId, customer } = await bought();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => refund({ purchaseId, amountCents: 300 })),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
  expect(await purchase(purchaseId)).toMatchObject({ burned: 90_000 });
  expect(await balance(customer)).toMatchObject({ wallet: 10_000, frozen: 0, debt: 0 });
});

test("spent by then: the rest is owed, and the next purchase repays it", async () => {
  const { purchaseId, customer } = await bought();
  await spend(customer, 70_000);
  await refund({ purchaseId });
  expect(await balance(customer)).toMatchObject({ wallet: 0, debt: 70_000 });
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000, owed: 70_000 });
  await bought({}, customer);
  expect(await balance(customer)).toMatchObject({ wallet: 30_000, debt: 0 });
  await booksBalance(world);
});

test("not sent yet: the delivery is cancelled, and what is not refunded stays in the wallet", async () => {
  const { purchaseId, customer, deliveryId } = await bought({ pack: "explorer", deliverTo: "venice" });
  await refund({ purchaseId, amountCents: 2_500 });
  const [delivery] = await world.database.rows("select status from deliveries where id = $1", [deliveryId]);
  expect(delivery).toEqual({ status: "cancelled" });
  expect(await balance(customer)).toMatchObject({ wallet: 262_500, transit: 0, frozen: 0, debt: 0 });
  await booksBalance(world);
});

test.each([
  ["Stripe is away", { kind: "drop_before" }],
  ["the answer is lost", { kind: "drop_after" }],
  ["Stripe stumbles", { kind: "status", status: 500 }],
] as const)("%s: kept frozen, asked again, one refund", async (_, fault) => {
  const { purchaseId, customer } = await bought();
  world.stripe.faults.plan({ ...fault, method: "POST", path: "/v1/refunds", times: 3 });
  const answer = await refund({ purchaseId });
  expect([answer.status, answer.body.state]).toEqual([201, "asked"]);
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 100_000 });
  expect(await sendRefunds(appAt(minutes(1)), 10)).toEqual([]);
  expect(await sendRefunds(appAt(minutes(3)), 10)).toMatchObject([{ kind: "made", purchaseId }]);
  expect(await purchase(purchaseId)).toEqual({ frozen: 0, burned: 100_000, risk: 0, owed: 0 });
  const made = world.stripe.world.refunds
    .oldestFirst()
    .filter(({ metadata }) => metadata?.["refund"] === answer.body.id);
  expect(made).toHaveLength(1);
});

test("Stripe refuses, for a bank disputes it: alerted, said so, and what the refund held is frozen for the dispute alone", async () => {
  const { purchaseId, customer, payment } = await bought();
  const dispute = world.stripe.openDispute(payment);
  const answer = await refund({ purchaseId });
  expect([answer.status, answer.body.code]).toEqual([409, "refund_refused"]);
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 100_000 });
  const alerts = await world.database.rows(
    "select 1 from alerts where kind = 'refund_refused' and message like $1",
    [`%${purchaseId}%`],
  );
  expect(alerts).toHaveLength(1);
  world.stripe.decideDispute(dispute.id, "won");
  await news();
  expect(await balance(customer)).toMatchObject({ wallet: 100_000, frozen: 0 });
});

test("on its way: frozen until it has arrived, and released when it fails", async () => {
  for (const end of ["arrives", "fails"] as const) {
    const { purchaseId, customer } = await bought({ card: "4000000000007726" });
    await spend(customer, 10_000);
    const answer = await refund({ purchaseId });
    expect([answer.status, answer.body.state]).toEqual([201, "made"]);
    expect(await purchase(purchaseId)).toEqual({ frozen: 90_000, burned: 0, risk: 10_000, owed: 0 });
    expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 90_000, debt: 0 });
    expect((await refund({ purchaseId, amountCents: 1 })).body.detail).toContain("$10.00 is on its way back");
    const { id = "" } = world.stripe.world.refunds.newestFirst()[0] ?? {};
    if (end === "arrives") world.stripe.succeedRefund(id);
    else world.stripe.failRefund(id);
    await news();
    expect(await purchase(purchaseId)).toEqual(
      end === "arrives"
        ? { frozen: 0, burned: 100_000, risk: 0, owed: 10_000 }
        : { frozen: 0, burned: 0, risk: 0, owed: 0 },
    );
    expect(await balance(customer)).toMatchObject({ wallet: end === "arrives" ? 0 : 90_000, frozen: 0 });
  }
  await booksBalance(world);
});

test("a refund that fails at the bank: the ducats come back, and the dollars", async () => {
  const { purchaseId, customer } = await bought({ card: "4000000000005126" });
  await news();
  const before = await dollars();
  await refund({ purchaseId });
  expect(await balance(customer)).toMatchObject({ wallet: 0 });
  const failed = world.stripe.world.refunds.newestFirst()[0];
  if (failed?.status !== "failed") world.stripe.failRefund(failed?.id ?? "");
  await news();
  expect(await balance(customer)).toMatchObject({ wallet: 100_000, frozen: 0, debt: 0 });
  expect(await purchase(purchaseId)).toEqual({ frozen: 0, burned: 0, risk: 0, owed: 0 });
  expect(await dollars()).toEqual(before);
  const alerts = await world.database.rows("select kind from alerts where subject = $1", [failed?.id]);
  expect(alerts).toEqual([{ kind: "refund_failed" }]);
});

test("a refund that the payer was told of fails: he is told of that, too, once", async () => {
  const { purchaseId } = await bought();
  await refund({ purchaseId });
  await news();
  const { id = "" } = world.stripe.world.refunds.newestFirst()[0] ?? {};
  world.stripe.failRefund(id);
  await news();
  const told = await world.database.rows("select kind, state from letters where object = $1 order by id", [
    id,
  ]);
  expect(told).toMatchObject([{ kind: "refunded" }, { kind: "refund_failed", state: "queued" }]);
});

test("nobody but an admin: not there, and nothing moves", async () => {
  const { purchaseId, customer } = await bought();
  expect((await refund({ purchaseId }, "own", customer.token)).status).toBe(404);
  await world.database.rows("update accounts set role = 'support' where id = $1", [customer.id]);
  expect((await refund({ purchaseId }, "own", customer.token)).status).toBe(404);
  expect(await balance(customer)).toMatchObject({ wallet: 100_000 });
});

test("a second payment for one purchase is sent back by itself, and its dollars leave suspense", async () => {
  const { purchaseId, sessionId, customer } = await bought();
  const before = await dollars();
  world.stripe.faults.plan({ kind: "status", status: 500, method: "POST", path: "/v1/refunds", times: 3 });
  world.stripe.payAgain(sessionId);
  await news();
  expect((await dollars()).get("suspense")).toBe((before.get("suspense") ?? 0) - 1_000);
  const [made] = await sendRefunds(appAt(minutes(3)), 10);
  expect(made).toMatchObject({ kind: "made", purchaseId, amountCents: 1_000n });
  await news();
  expect(await dollars()).toEqual(before);
  expect(await balance(customer)).toMatchObject({ wallet: 100_000 });
  const open = "select 1 from alerts where subject = $1 and closed_at is null";
  expect(await world.database.rows(open, [made?.payment])).toEqual([]);
  await booksBalance(world);
});

test("refunded while the game was being asked, and the game refuses: nothing is sent, a person gives it back", async () => {
  const { purchaseId, customer, deliveryId } = await bought({ pack: "starter", deliverTo: "venice" });
  await world.database.rows("select begin_reserve(now(), 1000000000)");
  const [begun] = await world.database.rows<{ id: string; lease_token: string }>(
    "select * from begin_try(now(), interval '90 s', interval '30 s')",
  );
  expect(begun?.id).toBe(deliveryId);
  await refund({ purchaseId });
  expect(await balance(customer)).toMatchObject({ transit: 100_000, debt: 100_000 });
  const held = JSON.stringify([{ id: deliveryId, token: begun?.lease_token }]);
  await world.database.rows("select postpone_deliveries(now(), $1, 'refused', interval '0')", [held]);
  const [delivery] = await world.database.rows("select status from deliveries where id = $1", [deliveryId]);
  expect(delivery).toEqual({ status: "uncertain" });
  await world.database.rows("select resolve_delivery(now(), $1, 'returned', 'never made')", [deliveryId]);
  expect(await balance(customer)).toMatchObject({ wallet: 0, transit: 0, debt: 0 });
  await booksBalance(world);
});
