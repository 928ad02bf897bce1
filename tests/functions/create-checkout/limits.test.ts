/** What opens no payment page: too many at once, and a purchase whose money is already on its way. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import {
  checkout,
  deliver,
  eventsOf,
  newCustomer,
  statusOf,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const world = useWorld();
const log = useLog();
const order = { pack: "starter", deliverTo: "wallet" };

const purchasesOf = async ({ id }: Customer) =>
  (await world.database.rows("select 1 from purchases where account_id = $1", [id])).length;

describe("thirty a minute for each account", () => {
  // A window of time: which one, the test says.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS + 10_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const open = (customer: Customer, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, index) => checkout(customer, order, `order-of-many-${index}`)),
    );

  test("more: 429 with RateLimit headers, no purchase, nobody asked; others are not counted with him", async () => {
    const customer = await newCustomer();
    const answers = await open(customer, 35);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(30);
    expect(refused.map(({ body }) => body.code)).toEqual(Array.from({ length: 5 }, () => "rate_limited"));
    expect(refused[0]?.headers.get("ratelimit-policy")).toBe('"checkout";q=30;w=60');
    expect(refused[0]?.headers.get("ratelimit")).toMatch(/^"checkout";r=0;t=\d+$/);
    expect(refused[0]?.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(await purchasesOf(customer)).toBe(30);
    world.stripe.faults.forget();
    expect((await checkout(customer, order, "one-more")).status).toBe(429);
    expect(log.last().trips).toEqual({ redis: 1 });
    expect(world.stripe.faults.seen).toEqual([]);
    expect((await checkout(await newCustomer(), order)).status).toBe(201);
  });

  test("a form is told so on a page; two minutes later he may again", async () => {
    const customer = await newCustomer();
    await open(customer, 30);
    const cookie = `cascade_session=${customer.token}`;
    const answer = await call("create-checkout", { form: order, headers: { cookie } });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([429, "text/html; charset=utf-8"]);
    expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(await purchasesOf(customer)).toBe(30);
    vi.setSystemTime(Date.now() + 2 * MINUTE_MS);
    expect((await call("create-checkout", { form: order, headers: { cookie } })).status).toBe(303);
  });
});

test("without the limiter's word nothing is pinned: 503", async () => {
  const customer = await newCustomer();
  world.upstash.faults.plan({ kind: "status", times: 5 });
  const refused = await checkout(customer, order);
  expect([refused.status, refused.body.code]).toEqual([503, "limiter_unavailable"]);
  expect(log.last().trips).toEqual({ redis: 1 });
  expect(await purchasesOf(customer)).toBe(0);
});

describe("a purchase whose money is on its way", () => {
  /** A purchase under the key, its page paid by a bank debit; the event is not delivered yet. */
  async function debited(customer: Customer, key: string) {
    const opened = await checkout(customer, order, key);
    const purchaseId: string = opened.body.purchaseId;
    const [session] = world.stripe.world.sessions.newestFirst();
    world.stripe.pay(session?.id ?? "", { bankDebit: true });
    const [completed] = eventsOf(world, purchaseId, "checkout.session.completed");
    if (!completed) throw new Error("no completion");
    return { purchaseId, completed, sessions: () => world.stripe.world.sessions.newestFirst().length };
  }

  test("processing: 409 payment_processing, no second page", async () => {
    const customer = await newCustomer();
    const { completed, sessions } = await debited(customer, "debit");
    await deliver(completed);
    const before = sessions();
    const again = await checkout(customer, order, "debit");
    expect([again.status, again.body.code]).toEqual([409, "payment_processing"]);
    expect([sessions(), await purchasesOf(customer)]).toEqual([before, 1]);
    expect((await statusOf(customer)).purchases[0].status).toBe("processing");
  });

  test("in review: 409 payment_in_review, no second page", async () => {
    const customer = await newCustomer();
    const { completed, sessions } = await debited(customer, "reviewed");
    const wrong = { ...completed.data.object, payment_status: "paid", amount_total: 999 };
    await deliver({ ...completed, id: `${completed.id}_wrong`, data: { object: wrong } });
    expect((await statusOf(customer)).purchases[0].status).toBe("review");
    const before = sessions();
    const again = await checkout(customer, order, "reviewed");
    expect([again.status, again.body.code]).toEqual([409, "payment_in_review"]);
    expect([sessions(), await purchasesOf(customer)]).toEqual([before, 1]);
  });
});
