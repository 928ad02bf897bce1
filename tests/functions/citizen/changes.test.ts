/** The citizen that ducats are delivered to: changed with Venice's yes, unlinked without it. */
import { beforeAll, expect, test } from "vitest";
import { call, type Called } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCitizen, newProvedCustomer, newWallet, prove, signInByWallet } from "../../support/wallet.ts";
import {
  booksBalance,
  deliver,
  newCustomer,
  paidPurchase,
  statusOf,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();
let owner: Customer;
beforeAll(async () => {
  owner = await newCustomer();
});

function change({ token }: Customer, citizen: unknown): Promise<Called> {
  return call("citizen", { json: { citizen }, token });
}

function unlink({ token }: Customer): Promise<Called> {
  return call("citizen", { method: "DELETE", token });
}

async function accountOf({ token }: Customer) {
  return (await call("me", { token })).body.account;
}

function audited({ id }: Customer) {
  return world.database.rows(
    "select actor, act, detail, network from audit_log where account_id = $1 and act like 'citizen.%' order by id",
    [id],
  );
}

test("another citizen of Venice: 200, shown at once, and written down", async () => {
  const customer = await newCustomer("RialtoBanker");
  const answer = await change(customer, "  Bepi_Dall'Oro ");
  expect(log.last().trips).toMatchObject({ venice: 1, postgres: 1 });
  expect([answer.status, answer.body.account]).toEqual([
    200,
    expect.objectContaining({ id: customer.id, citizen: "Bepi_Dall'Oro", citizenProved: false }),
  ]);
  expect(await accountOf(customer)).toEqual(answer.body.account);
  expect(await audited(customer)).toEqual([
    {
      actor: customer.id,
      act: "citizen.changed",
      detail: { from: "RialtoBanker", to: "Bepi_Dall'Oro" },
      network: "203.0.113.7",
    },
  ]);
});

test.each([
  ["nobody", "Nobody_At_All"],
  ["other capitals", "rialtobanker"],
  ["a beginning", "Rialto"],
  ["a letter that only looks the same", "RiаltoBanker"],
  ["an invisible letter", "Rialto\u200bBanker"],
  ["another composition of a letter", "Zua\u0300n"],
  ["a formula", '", TRUE(), "'],
  ["a formula behind a backslash", '\\", TRUE(), "'],
  ["the field's name", "{Username}"],
])("a citizen that Venice doesn't know (%s): 422 unknown_citizen, nothing changed", async (_, citizen) => {
  if (!world.airtable.citizen("Zu\u00e0n")) world.airtable.addCitizen({ Username: "Zu\u00e0n", Ducats: 1 });
  const before = await accountOf(owner);
  const answer = await change(owner, citizen);
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "unknown_citizen", "citizen"]);
  expect(await accountOf(owner)).toEqual(before);
});

test.each([
  ["nothing", ""],
  ["spaces", "   "],
  ["101 letters", "x".repeat(101)],
  ["NUL", "Rialto\0Banker"],
  ["half a letter", "\ud800"],
  ["a number", 7],
  ["nothing at all", undefined],
  // The name stands in the message that a wallet signs: it may not write lines of its own there.
  ["a line's end", "Rialto\nBanker"],
  ["letters that turn the text around", "Rialto\u202eBanker"],
])("a name that is %s: 422 invalid_field, and Venice is not asked", async (_, citizen) => {
  world.airtable.faults.forget();
  const answer = await change(owner, citizen);
  expect([answer.status, answer.body.code]).toEqual([422, "invalid_field"]);
  expect(world.airtable.faults.seen).toEqual([]);
});

test.each([
  ["is gone", { kind: "drop_before" }],
  ["answers 500", { kind: "status", status: 500 }],
  ["has had enough of us", { kind: "status", status: 429 }],
] as const)("Venice that %s: 503, and nothing is changed", async (_, fault) => {
  const before = await accountOf(owner);
  world.airtable.faults.plan({ ...fault, times: 5 });
  const answer = await change(owner, "SpiceTraderLeyla");
  expect([answer.status, answer.body.code]).toEqual([503, "venice_unavailable"]);
  expect(await accountOf(owner)).toEqual(before);
});

test("the same citizen again keeps the proof, and is no change", async () => {
  const customer = await newProvedCustomer(world);
  const before = await audited(customer);
  expect((await change(customer, customer.citizen)).body.account.citizenProved).toBe(true);
  expect(await audited(customer)).toEqual(before);
  expect((await signInByWallet(customer.citizen, customer.wallet)).status).toBe(200);
});

test("a change drops the proof for good: the wallet signs in no more, and others may prove the citizen", async () => {
  const customer = await newProvedCustomer(world);
  const { citizen, wallet } = customer;
  expect((await change(customer, "RialtoBanker")).body.account.citizenProved).toBe(false);
  expect((await signInByWallet(citizen, wallet)).status).toBe(401);
  expect((await change(customer, citizen)).body.account.citizenProved).toBe(false);
  expect((await signInByWallet(citizen, wallet)).status).toBe(401);
  const next = await newCustomer(citizen);
  expect((await prove(next, wallet)).body.account).toMatchObject({ id: next.id, citizenProved: true });
});

test("a purchase keeps the citizen it was made for, whenever it is paid", async () => {
  const customer = await newCustomer("RialtoBanker");
  const paid = await paidPurchase(world, customer);
  await change(customer, "SpiceTraderLeyla");
  expect((await deliver(paid.succeeded)).status).toBe(200);
  const status = await statusOf(customer);
  expect(status.citizen).toBe("SpiceTraderLeyla");
  expect(status.purchases).toMatchObject([{ id: paid.purchaseId, citizen: "RialtoBanker" }]);
  expect(status.deliveries).toMatchObject([{ citizen: "RialtoBanker" }]);
  const next = await paidPurchase(world, customer);
  await deliver(next.succeeded);
  const [latest] = (await statusOf(customer)).deliveries;
  expect(latest.citizen).toBe("SpiceTraderLeyla");
  await booksBalance(world);
});

test("unlinking takes the proof back: the citizen stays, his wallet signs in no more; twice is once", async () => {
  const customer = await newProvedCustomer(world);
  for (let times = 0; times < 2; times += 1) {
    const answer = await unlink(customer);
    expect(log.last().trips).toEqual({ postgres: 1 });
    expect([answer.status, answer.body.account]).toEqual([
      200,
      expect.objectContaining({ citizen: customer.citizen, citizenProved: false }),
    ]);
  }
  expect((await signInByWallet(customer.citizen, customer.wallet)).status).toBe(401);
  expect((await audited(customer)).map(({ act }) => act)).toEqual(["citizen.proved", "citizen.unlinked"]);
  const rows = await world.database.rows("select wallet, citizen_proved_at from accounts where id = $1", [
    customer.id,
  ]);
  expect(rows).toEqual([{ wallet: null, citizen_proved_at: null }]);
});

test("unlinking needs no Venice", async () => {
  world.airtable.faults.plan({ kind: "drop_before", times: 10 });
  expect((await unlink(owner)).status).toBe(200);
});

test("one's own citizen only: nobody else's account is touched", async () => {
  const [one, two] = [await newProvedCustomer(world), await newCustomer(newCitizen(world, newWallet()))];
  const before = await accountOf(one);
  await unlink(two);
  await change(two, one.citizen);
  expect(await accountOf(one)).toEqual(before);
  expect((await signInByWallet(one.citizen, one.wallet)).body.account.id).toBe(one.id);
});

test("a session that has ended, or none: 401, and nothing is changed", async () => {
  const customer = await newProvedCustomer(world);
  await call("logout", { json: {}, token: customer.token });
  for (const token of [customer.token, undefined, "nonsense"])
    for (const answer of [
      await call("citizen", { json: { citizen: "RialtoBanker" }, token }),
      await call("citizen", { method: "DELETE", token }),
    ])
      expect(answer.status, answer.text).toBe(401);
  const signedIn = await signInByWallet(customer.citizen, customer.wallet);
  expect(signedIn.body.account).toMatchObject({ id: customer.id, citizen: customer.citizen });
});

// Each one takes a turn of the requests to Airtable that deliveries are paid by.
test("a session that asks Venice without end is refused: 429", async () => {
  const customer = await newCustomer();
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => call("citizen", { json: { citizen: "Nobody" }, token: customer.token })),
  );
  expect(answers.map(({ status }) => status)).toContain(429);
});
