/** One's own purchases: all of them by pages, each with its history, and nobody else's. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { programOf } from "../../support/spending.ts";
import { newCustomer, openPurchase, statusOf, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

async function plantPurchases(account: string, count: number, status = "expired"): Promise<void> {
  await world.database.rows(
    `insert into purchases (id, account_id, citizen, deliver_to, idempotency_key, request_hash, amount_cents, livemode,
       base_millis, bonus_millis, micro_usd_per_ducat, status, attempt, opened_at)
     select 'pur_' || substr(md5($1 || $3 || n), 1, 20), $1, 'RialtoBanker', 'wallet', $3 || n, 'hash', 1000, false, 100000,
       0, 100000, $3, 1, now() - n * interval '1 minute' from generate_series(1, $2::int) n`,
    [account, count, status],
  );
}

test("fifty a page, the newest first, without a gap or a double; one round trip each", async () => {
  const { id, token } = await newCustomer();
  await plantPurchases(id, 120);
  const seen: string[] = [];
  let before = "";
  for (const expected of [50, 50, 20, 0]) {
    const { body } = await call("purchases", { token, tail: before && `?before=${before}` });
    expect(log.last().trips).toEqual({ postgres: 1 });
    expect(body.purchases).toHaveLength(expected);
    seen.push(...body.purchases.map(({ id: each }: { id: string }) => each));
    before = body.purchases.at(-1)?.openedAt ?? before;
  }
  expect(new Set(seen).size).toBe(120);
});

test("a draft has no payment page yet: it is in no list and not found by its id", async () => {
  const { id, token } = await newCustomer();
  await plantPurchases(id, 1, "draft");
  expect((await call("purchases", { token })).body).toEqual({ purchases: [] });
  const [row] = await world.database.rows("select id from purchases where account_id = $1", [id]);
  expect((await call("purchases", { token, tail: `/${String(row?.["id"])}` })).status).toBe(404);
});

test("what is shown of a purchase here is what credit-status shows of it", async () => {
  const customer = await newCustomer();
  const { purchaseId } = await openPurchase(customer);
  const [inStatus] = (await statusOf(customer)).purchases;
  const [listed] = (await call("purchases", { token: customer.token })).body.purchases;
  const { purchase } = (await call("purchases", { token: customer.token, tail: `/${purchaseId}` })).body;
  expect(listed).toEqual(inStatus);
  const { delivery: ofOne, ...ofMany } = listed;
  expect([ofOne, purchase]).toEqual([null, ofMany]);
});

test("another's purchase and none are the same 404", async () => {
  const [owner, other] = [await newCustomer(), await newCustomer()];
  const { purchaseId } = await openPurchase(owner);
  expect((await call("purchases", { token: owner.token, tail: `/${purchaseId}` })).status).toBe(200);
  for (const tail of [`/${purchaseId}`, "/pur_00000000000000000000", "/%00"]) {
    const answer = await call("purchases", { token: other.token, tail });
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  }
});

test("support reads anybody's, and gets no address to pay at; an admin's key reads the admin's own only", async () => {
  const [owner, support, admin] = [await newCustomer(), await newCustomer(), await newCustomer()];
  const { purchaseId } = await openPurchase(owner);
  await world.database.rows("update accounts set role = 'support' where id = $1", [support.id]);
  await world.database.rows("update accounts set role = 'admin' where id = $1", [admin.id]);
  for (const { token } of [support, admin]) {
    const { body } = await call("purchases", { token, tail: `/${purchaseId}` });
    expect(body.purchase).toMatchObject({ id: purchaseId, status: "open", paymentUrl: null });
    expect((await call("purchases", { token })).body.purchases).toEqual([]);
  }
  const { key } = await programOf(admin, ["credits:read"]);
  expect((await call("purchases", { token: key, tail: `/${purchaseId}` })).status).toBe(404);
});

test("a program reads them with credits:read", async () => {
  const customer = await newCustomer();
  const { purchaseId } = await openPurchase(customer);
  const { key: reader } = await programOf(customer, ["credits:read"]);
  const { key: writer } = await programOf(customer, ["usage:write"]);
  expect((await call("purchases", { token: reader })).body.purchases).toHaveLength(1);
  expect((await call("purchases", { token: reader, tail: `/${purchaseId}` })).status).toBe(200);
  expect((await call("purchases", { token: writer })).status).toBe(403);
  expect((await call("purchases", { token: writer, tail: `/${purchaseId}` })).status).toBe(403);
});

test.each(["yesterday", "2026-13-01T00:00:00Z", ""])("before=%s is refused by its field", async (before) => {
  const { token } = await newCustomer();
  const answer = await call("purchases", { token, tail: `?before=${before}` });
  expect([answer.status, answer.body.field]).toEqual([422, "before"]);
});
