/** Each thing that can be wrong between Stripe, the books and Venice: found as what it is and alone, repaired once, gone. */
import { describe, expect, test } from "vitest";
import { useWorld } from "../support/world.ts";
import { DAY, MINUTE } from "./shop.ts";
import { useThreeWay } from "./three-way.ts";

const world = useWorld();
const {
  shop,
  sold,
  arrived,
  active,
  paymentOf,
  payTwice,
  rowOf,
  take,
  plants,
  look,
  found,
  fix,
  log,
  run,
  agree,
  sql,
} = useThreeWay(world);

async function row(table: string, of: string, id: string) {
  return (await sql(`select * from ${table} where ${of} = $1`, id))[0];
}

async function openAlerts(): Promise<string[]> {
  const rows = await sql("select subject from alerts where kind = 'reconciliation' and closed_at is null");
  return rows.map(({ subject }) => String(subject));
}

describe.each([
  ["paid"],
  ["unpaid"],
  ["unknown"],
  ["unsent"],
  ["untold"],
  ["twice"],
  ["less"],
  ["more"],
  ["larger"],
  ["refunded"],
  ["lost"],
  ["stolen"],
  ["given"],
] as const)("%s", (name) => {
  test("found exactly, repaired, logged once, and not found again", async () => {
    const expected = await plants[name]();
    const findings = await found();
    expect(findings).toMatchObject([expected]);
    const before = (await log()).length;
    const counts = await fix();
    expect(counts).toEqual(name === "untold" ? { told: 1 } : { repaired: 1 });
    expect((await log()).slice(before)).toMatchObject([{ finding: findings[0]?.id }]);
    expect(await found()).toEqual([]);
    expect(await fix()).toEqual({});
    expect(await log()).toHaveLength(before + 1);
    await agree();
    // What the watch and the webhook's helper do next leaves it so.
    await run();
    await shop.run();
    expect(await found()).toEqual([]);
    await agree();
    await sql(
      "select resolve_delivery(now(), id, 'returned', 'never sent') from deliveries where status = 'uncertain'",
    );
  });
});

test("a payment that was never credited is, once, whatever Stripe tells of it later", async () => {
  const { purchaseId } = await plants.paid();
  await fix();
  expect(await row("purchases", "id", purchaseId)).toMatchObject({ status: "paid" });
  await shop.run();
  const credits = await sql("select 1 from transactions where business_key = $1", `purchase:${purchaseId}`);
  expect(credits).toHaveLength(1);
  expect(await found()).toEqual([]);
});

test("one that was refunded meanwhile is credited and taken back in one step", async () => {
  const bought = await shop.paid();
  world.stripe.refund(bought.sessionId);
  shop.advance(20 * MINUTE);
  expect(await found()).toMatchObject([{ kind: "paid-not-credited", purchaseId: bought.purchaseId }]);
  expect(await fix()).toEqual({ repaired: 1 });
  expect(await shop.end(bought)).toMatchObject({ status: "paid", wallet: 0, debt: 0, credits: 1 });
  expect(await found()).toEqual([]);
});

test("of another amount than asked for, and not credited: set aside for a person", async () => {
  const { purchaseId, sessionId } = await shop.paid();
  const payment = paymentOf(sessionId);
  const intent = world.stripe.world.paymentIntents.get(payment);
  if (intent) intent.amount_received = 700;
  shop.advance(20 * MINUTE);
  expect(await found()).toMatchObject([
    { kind: "amount-mismatch", purchaseId, between: { bookedCents: 1_000n, paidCents: 700n } },
  ]);
  expect(await fix()).toEqual({ repaired: 1 });
  expect(await row("quarantines", "payment", payment)).toMatchObject({ reason: "amount_mismatch" });
  expect(await found()).toEqual([]);
  await agree();
});

describe("nothing was paid", () => {
  test("what is there burns, what was spent is owed, and no dollar of it is left", async () => {
    const before = { sales: await shop.ledger("sales"), clearing: await shop.ledger("stripe_clearing") };
    const { purchaseId } = await plants.unknown();
    const { account_id: account } = (await row("purchases", "id", purchaseId)) ?? {};
    await sql(
      "select post(now(), $2, 'usage', array[('wallet', $1, -30000)::leg, ('spent', null, 30000)::leg])",
      account,
      `spend:${purchaseId}`,
    );
    await fix();
    expect(await row("balances", "account_id", String(account))).toMatchObject({
      wallet: "0",
      debt: "-30000",
    });
    expect({ sales: await shop.ledger("sales"), clearing: await shop.ledger("stripe_clearing") }).toEqual(
      before,
    );
  });

  test("a payment that comes after all gives everything back", async () => {
    const one = await sold();
    const intent = world.stripe.world.paymentIntents.get(one.payment);
    const asPaid = { status: "succeeded" as const, amount_received: 1_000 };
    Object.assign(intent ?? {}, { status: "processing", amount_received: 0 });
    expect(await fix()).toEqual({ repaired: 1 });
    expect(await shop.end(one)).toMatchObject({ wallet: 0 });
    Object.assign(intent ?? {}, asPaid);
    expect(await found()).toMatchObject([{ kind: "paid-not-credited", payment: one.payment }]);
    expect(await fix()).toEqual({ repaired: 1 });
    expect(await shop.end(one)).toMatchObject({ wallet: 100_000, debt: 0 });
    expect(await found()).toEqual([]);
    await agree();
  });
});

test("a tenth too little takes a tenth back; a tenth too much waits in suspense until it is sent back", async () => {
  const { purchaseId } = await plants.less();
  await fix();
  expect(await row("purchases", "id", purchaseId)).toMatchObject({ burned_millis: "10000" });
  const suspense = await shop.ledger("suspense");
  const more = await plants.more();
  await fix();
  expect(await row("purchases", "id", more.purchaseId)).toMatchObject({ burned_millis: "0" });
  expect(await shop.ledger("suspense")).toBe(suspense - 100);
  expect(await openAlerts()).toContain(`amount-mismatch:${more.between.payment}:repaired`);

  const sessionId = String((await row("purchase_attempts", "purchase_id", more.purchaseId))?.["session_id"]);
  const refund = world.stripe.refund(sessionId, { amount: 60 });
  world.stripe.refund(sessionId, { amount: 90 });
  shop.advance(10 * MINUTE);
  await shop.run();
  expect(await shop.ledger("suspense")).toBe(suspense);
  // Fifty cents were more than the surplus.
  expect(await row("purchases", "id", more.purchaseId)).toMatchObject({ burned_millis: "5000" });
  world.stripe.failRefund(refund.id);
  shop.advance(10 * MINUTE);
  await shop.run();
  expect(await shop.ledger("suspense")).toBe(suspense - 10);
  expect(await row("purchases", "id", more.purchaseId)).toMatchObject({ burned_millis: "0" });
  expect(await found()).toEqual([]);
  await agree();

  // Stripe says that it was no more, after all.
  Object.assign(world.stripe.world.paymentIntents.get(more.between.payment) ?? {}, {
    amount_received: 1_000,
  });
  await fix();
  expect(await shop.ledger("suspense")).toBe(suspense);
  expect(await row("purchases", "id", more.purchaseId)).toMatchObject({ burned_millis: "9000" });
  expect(await found()).toEqual([]);
  await agree();
});

describe("never sent", () => {
  test("it is queued from the wallet and arrives", async () => {
    const { purchaseId } = await plants.unsent();
    await fix();
    const deliveryId = purchaseId.replace("pur_", "dlv_");
    expect(await row("deliveries", "id", deliveryId)).toMatchObject({ status: "pending", millis: "100000" });
    await run();
    await world.airtable.runGame();
    await run();
    expect(await row("deliveries", "id", deliveryId)).toMatchObject({ status: "executed" });
    expect(await found()).toEqual([]);
  });

  test("spent meanwhile: a person is told once, and it is found no more", async () => {
    const { purchaseId } = await plants.unsent();
    const { account_id: account } = (await row("purchases", "id", purchaseId)) ?? {};
    await sql(
      "select post(now(), $2, 'usage', array[('wallet', $1, -1000)::leg, ('spent', null, 1000)::leg])",
      account,
      `spend:${purchaseId}`,
    );
    expect(await fix()).toEqual({ told: 1 });
    expect(await openAlerts()).toContain(`credited-not-delivered:${purchaseId}`);
    const after = await look();
    expect(after.findings).toEqual([]);
    expect(after.told).toMatchObject([{ kind: "credited-not-delivered", purchaseId }]);
  });

  test("its ducats wait in transit and its row was lost: it is sent from there", async () => {
    const { purchaseId, deliveryId } = await sold("venice");
    await sql("set session_replication_role = replica");
    await sql("delete from delivery_events where delivery_id = $1", deliveryId);
    await sql("delete from deliveries where id = $1", deliveryId);
    await sql("set session_replication_role = origin");
    expect(await found()).toMatchObject([{ kind: "credited-not-delivered", purchaseId, why: "not_sent" }]);
    expect(await fix()).toEqual({ repaired: 1 });
    expect(await row("deliveries", "id", deliveryId)).toMatchObject({ status: "pending", millis: "100000" });
    await agree();
    await run();
    await world.airtable.runGame();
    await run();
  });
});

test("counted as arrived while the purse kept it: back in the wallet", async () => {
  const one = await active();
  await sql(
    "select post_delivery_end(now(), id, account_id, millis, 'executed') from deliveries where id = $1",
    one.deliveryId,
  );
  await sql("update deliveries set status = 'executed', concluded_at = now() where id = $1", one.deliveryId);
  expect(await found()).toMatchObject([
    { kind: "credited-not-delivered", deliveryId: one.deliveryId, why: "not_paid", millis: 100_000n },
  ]);
  expect(await fix()).toEqual({ repaired: 1 });
  expect(await shop.end(one)).toMatchObject({ wallet: 100_000 });
  expect(await row("deliveries", "id", one.deliveryId)).toMatchObject({ status: "rejected" });
  expect(await found()).toEqual([]);
  await run();
  expect(rowOf(one.deliveryId).fields["Status"]).toBe("cancelled");
});

test("given back by a person, and paid as well", async () => {
  const one = await active();
  await sql("update deliveries set status = 'uncertain', concluded_at = now() where id = $1", one.deliveryId);
  await sql("select resolve_delivery(now(), $1, 'returned', 'looked wrong')", one.deliveryId);
  await world.airtable.runGame();
  expect(await found()).toMatchObject([
    { kind: "delivered-twice", deliveryId: one.deliveryId, isReturned: true, millis: 100_000n },
  ]);
  expect(await fix()).toEqual({ repaired: 1 });
  expect(await found()).toEqual([]);
  await agree();
});

describe("a row alone proves nothing", () => {
  test("a forged second row, a forged amount, a forged refusal: the purse agrees with the books, and nothing is found", async () => {
    const [copied, raised, refused] = [await arrived(), await arrived(), await arrived()];
    world.airtable.spoil(rowOf(copied.deliveryId).id, "double");
    const { id, fields } = rowOf(raised.deliveryId);
    const Notes = String(fields["Notes"]).replace("transferred 100.0", "transferred 9999.0");
    world.airtable.forge("STRATAGEMS", id, { Notes });
    world.airtable.spoil(rowOf(refused.deliveryId).id, "forge_failed");
    expect(await found()).toEqual([]);
  });

  test("of two claims the purse bears one out: that one is found, the rest is unexplained", async () => {
    const one = await arrived();
    await payTwice(one.deliveryId);
    const forged = await arrived();
    world.airtable.spoil(rowOf(forged.deliveryId).id, "double");
    take(30);
    const findings = await found();
    expect(findings.map(({ kind }) => kind)).toEqual(["delivered-twice", "purse-moved-unexplained"]);
    expect(findings).toMatchObject([{ millis: 100_000n }, { movedMillis: 30_000n }]);
    expect(await fix()).toEqual({ repaired: 2 });
    expect(await found()).toEqual([]);
    await agree();
  });
});

test("what the watch has alerted and accepted is missing in the books all the same", async () => {
  await arrived();
  take(40);
  await run();
  expect(
    await sql("select 1 from alerts where kind = 'purse_unexplained' and closed_at is null"),
  ).not.toEqual([]);
  expect(await found()).toMatchObject([{ kind: "purse-moved-unexplained", movedMillis: 40_000n }]);
  const issued = await sql("select amount from trial_balance where ledger = 'issuance'");
  expect(await fix()).toEqual({ repaired: 1 });
  const after = await sql("select amount from trial_balance where ledger = 'issuance'");
  expect(Number(after[0]?.["amount"])).toBe(Number(issued[0]?.["amount"]) - 40_000);
  expect(await found()).toEqual([]);
});

test("the same movement twice is two write-offs", async () => {
  await arrived();
  for (const ducats of [25, -25, 25]) {
    take(ducats);
    expect(await fix()).toEqual({ repaired: 1 });
    expect(await found()).toEqual([]);
  }
});

test("a window that begins later sees less", async () => {
  const { purchaseId } = await plants.paid();
  shop.advance(8 * DAY);
  expect(await found()).toEqual([]);
  await shop.run();
  expect(await row("purchases", "id", purchaseId)).toMatchObject({ status: "paid" });
  expect(await found()).toEqual([]);
});
