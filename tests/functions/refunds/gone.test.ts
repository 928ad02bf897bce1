/** A refund of what Stripe does not have, or has in its other mode, ends; it holds up nobody else's. */
import { expect, test } from "vitest";
import { sendRefunds } from "../../../lib/purchase/refund.ts";
import { useReversals } from "../../support/reversing.ts";
import { appAt, deliver, newCustomer, paidPurchase, useWorld } from "../../support/world.ts";

const world = useWorld();
const { bought, refund, balance } = useReversals(world);
const minutes = (count: number) => ({ now: new Date(Date.now() + count * 60_000) });

/** A payment that agrees with nothing, and that Stripe does not have. */
async function unknown(payment: string, more: object = {}) {
  const { completed } = await paidPurchase(world, await newCustomer(), { pack: "starter" });
  const object = { ...completed.data.object, amount_total: 900, payment_intent: payment };
  const answer = await deliver({ ...completed, ...more, id: `evt_${payment}`, data: { object } });
  expect(answer.status).toBe(200);
}

const requests = (payment: string) =>
  world.database.rows("select state, error from refund_requests where payment = $1", [payment]);

test("Stripe does not have the payment: refused, told, and the request is over", async () => {
  await unknown("pi_gone");
  const answer = await refund({ payment: "pi_gone" });
  expect([answer.status, answer.body.code]).toEqual([409, "refund_refused"]);
  expect(answer.body.detail).toContain("pi_gone");
  expect(await requests("pi_gone")).toMatchObject([{ state: "refused" }]);
  const alerts = "select 1 from alerts where kind = 'refund_refused' and message like '%pi_gone%'";
  expect(await world.database.rows(alerts)).toHaveLength(1);
});

test("one that cannot be sent is thrown after the others had their turn", async () => {
  const { purchaseId: failing } = await bought();
  const { purchaseId, customer } = await bought();
  world.stripe.faults.plan({ kind: "drop_before", method: "POST", path: "/v1/refunds", times: 6 });
  expect((await refund({ purchaseId: failing })).body.state).toBe("asked");
  expect((await refund({ purchaseId })).body.state).toBe("asked");
  world.stripe.faults.clear();
  world.stripe.faults.plan({
    kind: "status",
    status: 401,
    method: "GET",
    path: "/v1/payment_intents",
    times: 1,
  });
  await expect(sendRefunds(appAt(minutes(10)), 10)).rejects.toThrow();
  expect(await balance(customer)).toMatchObject({ wallet: 0, frozen: 0 });
  expect(await sendRefunds(appAt(minutes(60)), 10)).toMatchObject([{ kind: "made", purchaseId: failing }]);
});

test("a payment of Stripe's other mode: not asked for with our key", async () => {
  await unknown("pi_live", { livemode: true });
  const answer = await refund({ payment: "pi_live" });
  expect([answer.status, answer.body.code]).toEqual([409, "not_refundable"]);
  expect(answer.body.detail).toContain("other mode");
  expect(await requests("pi_live")).toEqual([]);
});
