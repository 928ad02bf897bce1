/** A dispute that had ended and takes the money once more: the books follow it any number of times, and a person is told. */
import type Stripe from "stripe";
import { expect, test } from "vitest";
import { useReversals } from "../support/reversing.ts";
import { booksBalance, deliver, useWorld } from "../support/world.ts";

const world = useWorld();
const { bought, balance, purchase, news, dollars } = useReversals(world);
let copies = 0;

/**
 * What the stand-in cannot do, because Stripe does not say that it happens: the dispute reads otherwise from now on. Any event of
 * it makes us read it.
 */
async function reads(dispute: Stripe.Dispute, status: Stripe.Dispute["status"]) {
  const stored = world.stripe.world.disputes.get(dispute.id);
  if (!stored) throw new Error("the dispute is gone");
  stored.status = status;
  const event = world.stripe.events.since().find(({ type }) => type === "charge.dispute.created");
  copies += 1;
  return await deliver({ ...event, id: `evt_reopened_${copies}`, data: { object: stored } });
}

async function alerts(subject: string) {
  const rows = await world.database.rows<{ kind: string }>(
    "select kind from alerts where subject = $1 and closed_at is null order by kind",
    [subject],
  );
  return rows.map(({ kind }) => kind);
}

test("won, taken up again, won again, lost: each read ends, the ducats and the dollars follow, and it is told once", async () => {
  const { purchaseId, customer, payment } = await bought();
  const before = await dollars();
  const dispute = world.stripe.openDispute(payment);
  await news();
  world.stripe.decideDispute(dispute.id, "won");
  await news();
  expect(await alerts(dispute.id)).toEqual([]);
  for (const [status, wallet, frozen, taken] of [
    ["needs_response", 0, 100_000, 1_000],
    ["won", 100_000, 0, 0],
    ["under_review", 0, 100_000, 1_000],
    ["lost", 0, 0, 1_000],
  ] as const) {
    const answer = await reads(dispute, status);
    expect([status, answer.status, answer.body.outcome]).toEqual([status, 200, "read"]);
    expect(await balance(customer)).toMatchObject({ wallet, frozen, debt: 0 });
    expect(((await dollars()).get("disputes") ?? 0) - (before.get("disputes") ?? 0)).toBe(taken);
  }
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000, frozen: 0 });
  expect(await alerts(dispute.id)).toEqual(["money_moved_again"]);
  expect(await world.database.rows("select 1 from stripe_events where state = 'failed'")).toEqual([]);
  await booksBalance(world);
});

test("lost, then won after all, then lost: the same", async () => {
  const { purchaseId, customer, payment } = await bought();
  const dispute = world.stripe.openDispute(payment);
  await news();
  world.stripe.decideDispute(dispute.id, "lost");
  await news();
  expect((await reads(dispute, "won")).status).toBe(200);
  expect(await balance(customer)).toMatchObject({ wallet: 100_000, debt: 0 });
  expect(await alerts(dispute.id)).toEqual([]);
  expect((await reads(dispute, "lost")).status).toBe(200);
  expect(await balance(customer)).toMatchObject({ wallet: 0, debt: 0 });
  expect(await purchase(purchaseId)).toMatchObject({ burned: 100_000 });
  expect(await alerts(dispute.id)).toEqual(["money_moved_again"]);
  await booksBalance(world);
});
