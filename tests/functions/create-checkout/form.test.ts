/** Buying without JavaScript: a plain form goes straight to the payment page. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { deliver, eventsOf, newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();

// A double click falls into one minute: which one, the test says.
const start = Date.UTC(2026, 10, 20, 12, 0, 10);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

function post(customer: Customer, form: Record<string, string>) {
  return call("create-checkout", { form, headers: { cookie: `cascade_session=${customer.token}` } });
}

function purchasesOf(customer: Customer) {
  return world.database.rows<{ id: string }>("select id from purchases where account_id = $1", [customer.id]);
}

test("a form post goes to the hosted page with 303", async () => {
  const customer = await newCustomer();
  const answer = await post(customer, { pack: "starter" });
  const [session] = world.stripe.world.sessions.newestFirst();
  expect([answer.status, answer.text]).toEqual([303, ""]);
  expect(answer.headers.get("location")).toBe(session?.url);
  expect(session?.amount_total).toBe(1_000);
});

test("a form's custom amount is whole cents; empty fields count as not sent", async () => {
  const customer = await newCustomer();
  expect((await post(customer, { pack: "", amountCents: "1999", deliverTo: "wallet" })).status).toBe(303);
  expect(world.stripe.world.sessions.newestFirst()[0]?.amount_total).toBe(1_999);
  for (const amountCents of ["19.99", "1e5", "-5000", "0x7d0", "5000 ", "٥٠٠٠"]) {
    const answer = await post(customer, { amountCents });
    expect([answer.status, answer.headers.get("content-type")], amountCents).toEqual([
      422,
      "text/html; charset=utf-8",
    ]);
  }
  expect(await purchasesOf(customer)).toHaveLength(1);
});

test("the same form twice at once is one purchase and one session", async () => {
  const customer = await newCustomer();
  const answers = await Promise.all([
    post(customer, { pack: "starter" }),
    post(customer, { pack: "starter" }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([303, 303]);
  expect(new Set(answers.map(({ headers }) => headers.get("location"))).size).toBe(1);
  expect(await purchasesOf(customer)).toHaveLength(1);
});

test("another form, and the same form a minute later, are orders of their own", async () => {
  const customer = await newCustomer();
  await post(customer, { pack: "starter" });
  await post(customer, { pack: "explorer" });
  vi.setSystemTime(start + MINUTE_MS);
  await post(customer, { pack: "starter" });
  expect(await purchasesOf(customer)).toHaveLength(3);
});

test("two customers who send the same form in the same minute have a purchase each", async () => {
  const [one, two] = [await newCustomer(), await newCustomer()];
  await post(one, { pack: "starter" });
  await post(two, { pack: "starter" });
  expect([await purchasesOf(one), await purchasesOf(two)].map((found) => found.length)).toEqual([1, 1]);
});

test("a form sent again after it was paid shows the purchase instead of a new page", async () => {
  const customer = await newCustomer();
  const form = { pack: "starter", deliverTo: "wallet" };
  await post(customer, form);
  const [session] = world.stripe.world.sessions.newestFirst();
  const [purchase] = await purchasesOf(customer);
  world.stripe.pay(session?.id ?? "");
  const [completed] = eventsOf(world, purchase?.id ?? "", "checkout.session.completed");
  if (!completed) throw new Error("no completion");
  await deliver(completed, new Date());
  const again = await post(customer, form);
  expect([again.status, again.headers.get("location")]).toEqual([303, `/purchase/?id=${purchase?.id}`]);
});

test("a refusal is a page that a person can read, without scripts and with its request id", async () => {
  const customer = await newCustomer();
  const answer = await post(customer, { pack: "doge<script>" });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([422, "text/html; charset=utf-8"]);
  expect(answer.text).toContain(answer.headers.get("x-request-id"));
  expect(answer.text).not.toContain("<script");
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
});

test("a form of somebody who is not signed in goes to the sign-in page, and pins nothing", async () => {
  const before = await world.database.rows("select 1 from purchases");
  const answer = await call("create-checkout", { form: { pack: "starter" } });
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/sign-in/"]);
  expect(await world.database.rows("select 1 from purchases")).toHaveLength(before.length);
});
