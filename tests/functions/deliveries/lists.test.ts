/** One's own deliveries: all of them by pages, each with its steps, and nobody else's. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { funded, programOf } from "../../support/spending.ts";
import { newCustomer, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

async function plantDeliveries(account: string, count: number): Promise<void> {
  await world.database.rows(
    `insert into deliveries (id, account_id, citizen, millis, status, record_id, next_at, created_at, planned_at)
     select 'dlv_' || substr(md5(n || $1) || md5($1 || n), 1, 20), $1, 'RialtoBanker', 1000, 'planned', 'rec' || n || $1, now(),
       now() - n * interval '1 minute', now() from generate_series(1, $2::int) n`,
    [account, count],
  );
}

test("fifty a page, the newest first, without a gap or a double; one round trip each", async () => {
  const { id, token } = await newCustomer();
  await plantDeliveries(id, 120);
  const seen: string[] = [];
  let before = "";
  for (const expected of [50, 50, 20, 0]) {
    const { body } = await call("deliveries", { token, tail: before && `?before=${before}` });
    expect(log.last().trips).toEqual({ postgres: 1 });
    expect(body.deliveries).toHaveLength(expected);
    seen.push(...body.deliveries.map(({ id: each }: { id: string }) => each));
    before = body.deliveries.at(-1)?.createdAt ?? before;
  }
  expect(new Set(seen).size).toBe(120);
  await world.database.rows("delete from deliveries where account_id = $1", [id]).catch(() => undefined);
});

test("another's delivery and none are the same 404", async () => {
  const [owner, other] = [await newCustomer(), await newCustomer()];
  await plantDeliveries(owner.id, 1);
  const [{ id }] = (await call("deliveries", { token: owner.token })).body.deliveries;
  expect((await call("deliveries", { token: owner.token, tail: `/${id}` })).status).toBe(200);
  for (const tail of [`/${id}`, "/dlv_00000000000000000000", "/%00"]) {
    const answer = await call("deliveries", { token: other.token, tail });
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  }
});

test("a program reads them with credits:read", async () => {
  const { customer, key } = await funded(world, 1);
  expect((await call("deliveries", { token: key })).status).toBe(403);
  const { key: reader } = await programOf(customer, ["credits:read"]);
  expect((await call("deliveries", { token: reader })).body).toEqual({ deliveries: [] });
});

test.each(["yesterday", "2026-13-01T00:00:00Z", ""])("before=%s is refused by its field", async (before) => {
  const { token } = await newCustomer();
  const answer = await call("deliveries", { token, tail: `?before=${before}` });
  expect([answer.status, answer.body.field]).toEqual([422, "before"]);
});
