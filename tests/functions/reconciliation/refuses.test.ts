/** What is not compared, and why: a window out of reach, a service that is away. */
import { beforeAll, expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
useLog();
let admin: Customer;
beforeAll(async () => {
  admin = await newCustomer();
  await world.database.rows("update accounts set role = 'admin' where id = $1", [admin.id]);
});

const days = (count: number) => new Date(Date.now() + count * 86_400_000).toISOString();

test.each([
  ["in the future", days(1)],
  ["too long ago", days(-32)],
  ["no time", "yesterday"],
])("since %s: 422, and Stripe is not asked", async (_, since) => {
  world.stripe.faults.forget();
  for (const options of [{ tail: `?since=${since}` }, { json: { since, findings: ["one"] } }]) {
    const answer = await call("reconciliation", { ...options, token: admin.token });
    expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_field", "since"]);
  }
  expect(world.stripe.faults.seen).toEqual([]);
});

test.each([[[]], [[""]], [Array.from({ length: 101 }, () => "one")]])(
  "findings %j: 422",
  async (findings) => {
    const answer = await call("reconciliation", { json: { findings }, token: admin.token });
    expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
  },
);

test("Stripe away: 503, and nothing is said", async () => {
  world.stripe.faults.plan({ kind: "status", status: 500, path: "/v1/payment_intents", times: 4 });
  const answer = await call("reconciliation", { token: admin.token });
  expect([answer.status, answer.body.code]).toEqual([503, "payments_unavailable"]);
});

test("Venice away: 503, and nothing is said", async () => {
  world.airtable.faults.plan({ kind: "status", status: 503, times: 4 });
  const answer = await call("reconciliation", { token: admin.token });
  expect([answer.status, answer.body.code]).toEqual([503, "venice_unavailable"]);
});
