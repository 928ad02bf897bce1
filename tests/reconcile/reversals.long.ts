/** Refunds and disputes between Stripe and the books: amounts, ducats set aside, and what only one side knows; found and repaired. */
import { expect, test } from "vitest";
import { useWorld } from "../support/world.ts";
import { MINUTE } from "./shop.ts";
import { useThreeWay } from "./three-way.ts";

const world = useWorld();
const { shop, sold, found, fix, sql, agree } = useThreeWay(world);

async function repaired(one: Awaited<ReturnType<typeof sold>>, end: object): Promise<void> {
  shop.advance(40 * MINUTE);
  expect(await found()).toMatchObject([{ kind: "refunded-not-reversed", payment: one.payment }]);
  expect(await fix()).toEqual({ repaired: 1 });
  expect(await shop.end(one)).toMatchObject(end);
  expect(await found()).toEqual([]);
  await shop.agrees();
  await agree();
}

test("a dispute was won, and its ducats are still set aside", async () => {
  const one = await sold();
  const { id } = world.stripe.openDispute(one.sessionId);
  shop.advance(3 * MINUTE);
  await shop.run();
  world.stripe.decideDispute(id, "won");
  await sql("update disputes set status = 'won' where id = $1", id);
  await repaired(one, { wallet: 100_000, frozen: 0 });
});

test("the books have a refund that Stripe has not", async () => {
  const one = await sold();
  await sql(
    "insert into refunds (id, payment, amount_cents, status, created_at) values ('re_none', $1, 400, 'succeeded', $2)",
    one.payment,
    shop.clock.now,
  );
  await sql("select apply_reversals($2, $1)", one.payment, shop.clock.now);
  expect(await shop.end(one)).toMatchObject({ wallet: 60_000 });
  await repaired(one, { wallet: 100_000 });
});

test("a refund is of another amount in the books: the ducats and the dollars follow", async () => {
  const one = await sold();
  const { id } = world.stripe.refund(one.sessionId, { amount: 500 });
  shop.advance(3 * MINUTE);
  await sql(
    "insert into refunds (id, payment, amount_cents, status, created_at) values ($1, $2, 100, 'succeeded', $3)",
    id,
    one.payment,
    shop.clock.now,
  );
  await sql("select apply_reversals($2, $1)", one.payment, shop.clock.now);
  await repaired(one, { wallet: 50_000 });
});
