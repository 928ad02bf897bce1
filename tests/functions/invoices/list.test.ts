/** An account's invoices as Stripe has them, page by page. */
import { expect, test } from "vitest";
import { call } from "../../support/call.ts";
import { newCustomer, useWorld } from "../../support/world.ts";
import { architect, useSubscribers } from "../subscription/subscriber.ts";

const world = useWorld();
const { change, latest, sdk, subscribed } = useSubscribers(world);

test("the newest first, each with its page and its PDF", async () => {
  const customer = await subscribed();
  await change(customer, architect);
  const { invoices, next } = (await call("invoices", { token: customer.token })).body;
  const newest = await latest(customer.subscription);
  expect(next).toBeNull();
  expect(invoices.map(({ totalCents }: { totalCents: number }) => totalCents)).toEqual([newest.total, 9_900]);
  expect(invoices[0]).toMatchObject({
    id: newest.id,
    number: newest.number,
    status: "paid",
    paidCents: newest.amount_paid,
    pageUrl: newest.hosted_invoice_url,
    pdfUrl: newest.invoice_pdf,
  });
  const { periodStart, periodEnd } = invoices[1];
  expect(Date.parse(periodEnd) - Date.parse(periodStart)).toBeGreaterThan(27 * 24 * 60 * 60 * 1_000);
});

test("twenty at once, the rest after the last", async () => {
  const customer = await subscribed();
  const { billing } = world.stripe.world;
  const [one] = billing.invoices
    .oldestFirst()
    .filter(({ customer: owner }) => owner === customer.stripeCustomer);
  if (!one) throw new Error("no invoice");
  for (let count = 0; count < 22; count += 1) billing.invoices.add({ ...one, id: `in_copied${count}` });
  const first = (await call("invoices", { token: customer.token })).body;
  expect(first.invoices).toHaveLength(20);
  expect(first.next).toBe(first.invoices.at(-1).id);
  const second = (await call("invoices", { tail: `?after=${first.next}`, token: customer.token })).body;
  expect([second.invoices.length, second.next]).toEqual([3, null]);
  const ids = [...first.invoices, ...second.invoices].map(({ id }: { id: string }) => id);
  expect(new Set(ids).size).toBe(23);
});

test("nobody else's; who has bought nothing has none; a place that isn't there: 422", async () => {
  const customer = await subscribed();
  const other = await subscribed();
  const { invoices } = (await call("invoices", { token: other.token })).body;
  expect(invoices).toHaveLength(1);
  expect((await sdk().invoices.retrieve(invoices[0].id)).customer).toBe(other.stripeCustomer);
  const { token } = await newCustomer();
  expect((await call("invoices", { token })).body).toEqual({ invoices: [], next: null });
  const wrong = await call("invoices", { tail: "?after=in_nowhere", token: customer.token });
  expect([wrong.status, wrong.body.code, wrong.body.field]).toEqual([422, "invalid_field", "after"]);
});
