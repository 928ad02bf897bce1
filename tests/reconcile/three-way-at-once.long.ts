/** Everything wrong at once, two commands at once, a command that dies after each repair, and a busy shop in which nothing is wrong. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { App } from "../../lib/app.ts";
import { millis } from "../../lib/money.ts";
import { compare } from "../../lib/reconcile/compare.ts";
import { repair } from "../../lib/reconcile/repair.ts";
import { call } from "../support/call.ts";
import { newCustomer, useWorld } from "../support/world.ts";
import { Died, HOUR, MINUTE } from "./shop.ts";
import { counted, operator, useThreeWay } from "./three-way.ts";

const world = useWorld();
const { shop, app, since, sold, active, arrived, paymentOf, plants, look, found, fix, log, run, agree, sql } =
  useThreeWay(world);

/** What the last test repaired has lasted. */
beforeEach(() => {
  shop.advance(HOUR);
});
afterEach(async () => {
  expect(await found()).toEqual([]);
  await agree();
});

/** In an order in which no plant's own run mends an earlier one: what nobody has read yet comes last. */
async function plantAll(): Promise<object[]> {
  const planted: object[] = [];
  const deliveries = [await plants.twice(), await plants.larger(), await plants.stolen()];
  // A run in between accepts what moved, and alerts it; the books lack it all the same.
  for (const name of ["unpaid", "unknown", "unsent", "less", "more"] as const)
    planted.push(await plants[name]());
  // Refunds and payments that no run has read: all credited first.
  const [back, bank] = [await sold(), await sold()];
  world.stripe.refund(back.sessionId);
  const dispute = world.stripe.openDispute(bank.sessionId);
  world.stripe.decideDispute(dispute.id, "lost");
  for (const { payment } of [back, bank]) planted.push({ kind: "refunded-not-reversed", payment });
  planted.push(await plants.paid());
  return [...planted, ...deliveries];
}

function containing(planted: object): unknown {
  const fields = Object.entries(planted).map(([name, value]: [string, unknown]): [string, unknown] => [
    name,
    typeof value === "object" && value !== null && !Array.isArray(value) ? containing(value) : value,
  ]);
  return expect.objectContaining(Object.fromEntries(fields));
}

function expectAll(findings: readonly object[], planted: readonly object[]): void {
  expect(findings).toHaveLength(planted.length);
  for (const each of planted) expect(findings).toContainEqual(containing(each));
}

test("all planted at once: each is found, one command repairs them, the next finds nothing", async () => {
  const planted = await plantAll();
  const findings = await found();
  expectAll(findings, planted);
  expect(new Set(findings.map(({ kind }) => kind))).toHaveLength(7);
  expect(await fix()).toEqual({ repaired: planted.length });
  expect(await found()).toEqual([]);
  expect(await log()).toHaveLength(planted.length);
  await shop.run();
  await run();
}, 60_000);

test("two commands at once are one repair", async () => {
  const planted = await plantAll();
  const before = (await log()).length;
  const [one, two] = await Promise.all([look(), look()]);
  expectAll(one.findings, planted);
  expectAll(two.findings, planted);
  const outcomes = await Promise.all([repair(app(), operator, one), repair(app(), operator, two)]);
  expect(counted(outcomes.flat())).toEqual({ repaired: planted.length, unchanged: planted.length });
  expect((await log()).slice(before)).toHaveLength(planted.length);
  const doubles = await sql(
    "select business_key from transactions group by business_key having count(*) > 1",
  );
  expect(doubles).toEqual([]);
}, 60_000);

/** The owner's connection breaks once the books have committed a repair. */
function dyingAfterRepair(whole: App): App {
  let isDead = false;
  return {
    ...whole,
    db: {
      query: (statement, row) => whole.db.query(statement, row),
      async one(statement, row) {
        if (isDead) throw new Died();
        const answer = await whole.db.one(statement, row);
        isDead = statement.text.includes("repair_finding");
        if (isDead) throw new Died();
        return answer;
      },
    },
  };
}

test("a command that dies after each repair: the next goes on, and nothing is done twice", async () => {
  const planted = await plantAll();
  const before = (await log()).length;
  let deaths = 0;
  for (let left = (await found()).length; left > 0; left = (await found()).length) {
    expect(left).toBe(planted.length - deaths);
    await expect(fix(dyingAfterRepair(app()))).rejects.toThrow(Died);
    deaths += 1;
  }
  expect(deaths).toBe(planted.length);
  expect((await log()).slice(before).map(({ outcome }) => outcome)).toEqual(
    Array.from({ length: deaths }, () => "repaired"),
  );
}, 60_000);

test("a busy shop in which nothing is wrong", async () => {
  await arrived();
  const spent = await sold();
  await sql(
    "select post(now(), $2, 'usage', array[('wallet', $1, -7000)::leg, ('spent', null, 7000)::leg])",
    spent.accountId,
    `spend:${spent.purchaseId}`,
  );
  const [halved, disputed, lost, twice] = [await sold(), await sold(), await sold(), await sold()];
  world.stripe.refund(halved.sessionId, { amount: 500 });
  world.stripe.openDispute(disputed.sessionId);
  world.stripe.decideDispute(world.stripe.openDispute(lost.sessionId).id, "lost");
  world.stripe.payAgain(twice.sessionId);
  const odd = await shop.paid();
  const intent = world.stripe.world.paymentIntents.get(paymentOf(odd.sessionId));
  for (const [type, field] of [
    ["checkout.session.completed", "amount_total"],
    ["payment_intent.succeeded", "amount_received"],
  ] as const)
    for (const event of world.stripe.world.events.oldestFirst())
      if (event.type === type && JSON.stringify(event).includes(odd.purchaseId))
        Object.assign(event.data.object, { [field]: 700 });
  if (intent) intent.amount_received = 700;
  const [slow, settling] = [await shop.order(), await shop.order()];
  for (const { sessionId } of [slow, settling]) world.stripe.pay(sessionId, { bankDebit: true });
  shop.advance(20 * MINUTE);
  await shop.run();
  await shop.run();
  expect(await shop.openAlerts()).toContain("payment_quarantined");
  expect(await shop.end(slow)).toMatchObject({ status: "processing" });

  // Under way: an uncertain one that is alerted, rows that wait, one that the game has paid a moment ago, one not sent yet.
  const doubtful = await active();
  await sql(
    "update deliveries set status = 'uncertain', concluded_at = now() where id = $1",
    doubtful.deliveryId,
  );
  await sql("select open_alert(now(), 'delivery_uncertain', $1, 'compare both')", doubtful.deliveryId);
  await active();
  await world.airtable.runGame();
  await sold("venice");
  // Moments ago: an order, a payment, a debit's end, a refund, a dispute and its end, an admin's refund that Stripe has not heard of.
  await shop.order();
  const late = await shop.paid();
  world.stripe.settleDebit(settling.sessionId, "succeeds");
  const [back, bank, won, asked] = [await sold(), await sold(), await sold(), await sold()];
  const open = world.stripe.openDispute(won.sessionId);
  shop.advance(20 * MINUTE);
  await shop.run();
  world.stripe.refund(back.sessionId);
  world.stripe.openDispute(bank.sessionId);
  world.stripe.decideDispute(open.id, "won");
  world.stripe.pay((await shop.order()).sessionId);
  const admin = await newCustomer();
  await sql("update accounts set role = 'admin' where id = $1", admin.id);
  world.stripe.faults.plan({ kind: "status", status: 503, method: "POST", path: "/v1/refunds", times: 10 });
  await call("refunds", {
    json: { reason: "asked for it", purchaseId: asked.purchaseId },
    token: admin.token,
    headers: { "idempotency-key": "refund" },
  });
  world.stripe.faults.clear();

  expect(await shop.end(late)).toMatchObject({ status: "paid" });
  expect(await look()).toMatchObject({ findings: [], told: [] });
  const before = await shop.written();
  expect(await fix()).toEqual({});
  expect(await shop.written()).toEqual(before);
  await run();
  await shop.run();
  // The run has cancelled the doubtful one's row: it was never paid. Who decides otherwise is contradicted by the purse.
  await sql("select resolve_delivery(now(), $1, 'arrived', 'I think so')", doubtful.deliveryId);
  expect(await found()).toMatchObject([
    { kind: "credited-not-delivered", why: "not_paid", deliveryId: doubtful.deliveryId },
  ]);
  expect(await fix()).toEqual({ repaired: 1 });
}, 60_000);

test("while the purse moves beside the books nothing is said of it", async () => {
  await arrived();
  const whole = app();
  let ducats = 10;
  const moving: App = {
    ...whole,
    venice: {
      ...whole.venice,
      async purses(usernames) {
        const purses = await whole.venice.purses(usernames);
        ducats += 1;
        return new Map([...purses].map(([name, held]) => [name, millis(held - BigInt(ducats))]));
      },
    },
  };
  const compared = await compare(moving, operator, since());
  expect(compared).toMatchObject({ kind: "compared", findings: [], looked: { purseMillis: null } });
});

test("with another account's key nothing is taken back", async () => {
  for (let number = 0; number < 4; number += 1) await sold();
  const whole = app();
  const nobody: App = {
    ...whole,
    stripeLists: {
      ...whole.stripeLists,
      payments: () => Promise.resolve({ items: [], hasMore: false }),
      payment: () => Promise.resolve(null),
    },
  };
  await expect(compare(nobody, operator, since())).rejects.toThrow("another account's");
});
