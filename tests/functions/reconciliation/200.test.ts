/** For admins: what differs is shown and nothing changed; what is named is repaired, by name, once. */
import { beforeAll, expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  booksBalance,
  newCustomer,
  paidPurchase,
  statusOf,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();
let admin: Customer;
beforeAll(async () => {
  admin = await newCustomer();
  await world.database.rows("update accounts set role = 'admin' where id = $1", [admin.id]);
});

const look = (tail = "") => call("reconciliation", { tail, token: admin.token });
const repair = (findings: string[], since?: string) =>
  call("reconciliation", { json: { findings, ...(since && { since }) }, token: admin.token });

/** Paid twenty minutes ago, and nobody told us. */
async function lostPayment() {
  const customer = await newCustomer();
  world.stripe.clock.advance(-20 * 60_000);
  const paid = await paidPurchase(world, customer, { pack: "starter", deliverTo: "wallet" });
  world.stripe.clock.resume();
  const { id } = paid.succeeded.data.object as { id: string };
  return { ...paid, customer, finding: `paid-not-credited:${id}` };
}

test("a look says what it looked at and changes nothing; with nothing wrong it finds nothing", async () => {
  const answer = await look();
  expect(answer.body).toMatchObject({
    findings: [],
    told: [],
    looked: { payments: 0, purseMillis: 1_000_000_000 },
  });
  expect(log.last()).toMatchObject({ function: "reconciliation", reconciliation: "compared" });
});

test("shown by a look, repaired by its name, logged with the admin's, gone for the next", async () => {
  const [one, two] = [await lostPayment(), await lostPayment()];
  const shown = (await look()).body.findings;
  expect(shown).toHaveLength(2);
  expect(shown).toContainEqual(
    expect.objectContaining({ kind: "paid-not-credited", purchaseId: one.purchaseId, paidCents: 1_000 }),
  );
  expect(await statusOf(one.customer)).toMatchObject({ walletMillis: 0 });
  const answers = await Promise.all([repair([one.finding]), repair([one.finding])]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const outcomes: string[] = answers.flatMap(({ body }) =>
    body.findings.map((each: { outcome: string }) => each.outcome),
  );
  expect(outcomes.filter((outcome) => outcome === "repaired")).toHaveLength(1);
  expect(await statusOf(one.customer)).toMatchObject({ walletMillis: 100_000 });
  expect(await statusOf(two.customer)).toMatchObject({ walletMillis: 0 });
  expect((await look()).body.findings.map(({ id }: { id: string }) => id)).toEqual([two.finding]);
  const rows = await world.database.rows(
    "select actor, account_id, detail from audit_log where act = 'reconcile.repaired'",
  );
  expect(rows).toMatchObject([
    { actor: admin.id, account_id: one.customer.id, detail: { finding: one.finding, outcome: "repaired" } },
  ]);
  expect((await repair([two.finding, one.finding])).body.findings).toEqual([
    { id: two.finding, outcome: "repaired" },
    { id: one.finding, outcome: "gone" },
  ]);
  await booksBalance(world);
});

test("a session that is no admin's by the time of the repair repairs nothing", async () => {
  const { finding, customer } = await lostPayment();
  const former = await newCustomer();
  await world.database.rows("update accounts set role = 'support' where id = $1", [former.id]);
  const answer = await call("reconciliation", { json: { findings: [finding] }, token: former.token });
  expect(answer.status).toBe(404);
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 0 });
  const refused = await world.database.rows<{ outcome: string }>(
    "select admin_repair_finding(now(), '{}', (select id from sessions where account_id = $1 limit 1), $2) as outcome",
    [former.id, JSON.stringify({ id: finding, repair: "purse", movedMillis: "1" })],
  );
  expect(refused).toEqual([{ outcome: "not_found" }]);
  expect((await repair([finding])).body.findings).toEqual([{ id: finding, outcome: "repaired" }]);
});
