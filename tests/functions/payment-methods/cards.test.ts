/** An account's cards: which one is charged, which may go. */
import { expect, test } from "vitest";
import { call, type Called } from "../../support/call.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";
import { useSubscribers } from "../subscription/subscriber.ts";

const world = useWorld();
const { latest, pass, sdk, subscribed } = useSubscribers(world);

type Card = { readonly id: string; readonly last4: string; readonly isDefault: boolean };

async function cards({ token }: Customer): Promise<Card[]> {
  return (await call("payment-methods", { token })).body.cards;
}
function ask({ token }: Customer, action: string, id: string): Promise<Called> {
  return call("payment-methods", { json: { action, id }, token });
}

test("brand, last digits, expiry, and which one the tier is charged to", async () => {
  const customer = await subscribed();
  const second = world.stripe.storeCard(customer.stripeCustomer, {
    card: "5555555555554444",
    makeDefault: false,
  });
  const listed = await cards(customer);
  expect(listed).toHaveLength(2);
  expect(listed.find(({ isDefault }) => isDefault)).toMatchObject({
    brand: "visa",
    last4: "4242",
    expYear: 2034,
  });
  expect(listed.find(({ id }) => id === second.id)).toMatchObject({ brand: "mastercard", isDefault: false });
  expect(await cards(await newCustomer())).toEqual([]);
});

test("another one made the default: shown, charged at the next renewal, and the old one may go", async () => {
  const customer = await subscribed();
  const [old] = await cards(customer);
  const next = world.stripe.storeCard(customer.stripeCustomer, {
    card: "5555555555554444",
    makeDefault: false,
  });
  for (let time = 0; time < 2; time += 1) {
    const made = await ask(customer, "default", next.id);
    expect(made.body.cards.find((card: Card) => card.isDefault).id).toBe(next.id);
  }
  expect((await cards(customer)).find(({ isDefault }) => isDefault)?.id).toBe(next.id);
  const removed = await ask(customer, "remove", old?.id ?? "");
  expect(removed.body.cards.map(({ id }: Card) => id)).toEqual([next.id]);
  expect((await cards(customer)).map(({ id }) => id)).toEqual([next.id]);
  await pass(customer, 32);
  expect(await latest(customer.subscription)).toMatchObject({ status: "paid", amount_paid: 9_900 });
});

test("the only card of a tier, or the one that is charged: 409, and it stays", async () => {
  const customer = await subscribed();
  const [only] = await cards(customer);
  const alone = await ask(customer, "remove", only?.id ?? "");
  expect([alone.status, alone.body.code]).toEqual([409, "card_needed"]);
  expect(alone.body.detail).toContain("put another card in first");
  const other = world.stripe.storeCard(customer.stripeCustomer, { makeDefault: false });
  expect((await ask(customer, "remove", only?.id ?? "")).body.code).toBe("card_needed");
  // Both at once: one stays, and it is the one that is charged.
  await Promise.all([ask(customer, "remove", only?.id ?? ""), ask(customer, "remove", other.id)]);
  expect((await cards(customer)).map(({ id, isDefault }) => [id, isDefault])).toEqual([[only?.id, true]]);
});

test("without a tier every card may go", async () => {
  const customer = await subscribed();
  await sdk().subscriptions.cancel(customer.subscription);
  await world.database.rows("update subscriptions set status = 'canceled' where id = $1", [
    customer.subscription,
  ]);
  const [only] = await cards(customer);
  expect((await ask(customer, "remove", only?.id ?? "")).body.cards).toEqual([]);
});

test("somebody else's, one that isn't there, and of nobody who has bought: 404, and it stays", async () => {
  const customer = await subscribed();
  const victim = await subscribed();
  const [theirs] = await cards(victim);
  for (const action of ["remove", "default"]) {
    expect((await ask(customer, action, theirs?.id ?? "")).status).toBe(404);
    expect((await ask(customer, action, "pm_nothing")).status).toBe(404);
    expect((await ask(await newCustomer(), action, theirs?.id ?? "")).status).toBe(404);
  }
  expect(await cards(victim)).toEqual([theirs]);
});

test.each([{ action: "remove" }, { action: "add", id: "pm_1" }, { action: "default", id: "" }, {}])(
  "%j: 422",
  async (json) => {
    const { token } = await newCustomer();
    expect((await call("payment-methods", { json, token })).status).toBe(422);
  },
);
