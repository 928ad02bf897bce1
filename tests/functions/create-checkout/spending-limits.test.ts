/** How much may be bought: reserved when an order is pinned, given back when nothing comes of it, and never exceeded, however many order at once. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HOUR_MS, MINUTE_MS } from "../../../lib/clock.ts";
import { openCheckout } from "../../../lib/purchase/open.ts";
import { cents } from "../../../lib/money.ts";
import { sql } from "../../../lib/db/port.ts";
import { call, type Called } from "../../support/call.ts";
import { decodeJwt } from "jose";
import * as z from "zod";
import {
  appAt,
  booksBalance,
  checkout,
  deliver,
  eventsOf,
  newCustomer,
  signInAgain,
  statusOf,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const limits = { transaction: 30_000, accountDay: 50_000, accountMonth: 80_000, citizenDay: 70_000 };
const world = useWorld({
  LIMIT_TRANSACTION_CENTS: String(limits.transaction),
  LIMIT_ACCOUNT_DAY_CENTS: String(limits.accountDay),
  LIMIT_ACCOUNT_MONTH_CENTS: String(limits.accountMonth),
  LIMIT_CITIZEN_DAY_CENTS: String(limits.citizenDay),
  LIMIT_CITIZEN_MONTH_CENTS: "100000",
});

const noon = Date.UTC(2026, 11, 10, 12);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: noon });
});
afterEach(() => {
  vi.useRealTimers();
});

let citizens = 0;
/** A customer with a citizen of his own, so that no other test takes of his room. */
function alone(): Promise<Customer> {
  citizens += 1;
  return newCustomer(`Limited${citizens}`);
}

let keys = 0;
function buy(customer: Customer, amountCents: number, key = `limited-${(keys += 1)}`): Promise<Called> {
  return checkout(customer, { amountCents, deliverTo: "wallet" }, key);
}

/** A later time, and the customer signed in then. */
function at(time: number, customer: Customer): Promise<Customer> {
  vi.setSystemTime(time);
  return signInAgain(customer);
}

function refusalOf({ status, body }: Called) {
  return { status, code: body.code, limit: body.limit, leftCents: body.leftCents, resetsAt: body.resetsAt };
}

function limitReached(limit: string, leftCents: number, resetsAt: string | null) {
  return { status: 409, code: "limit_reached", limit, leftCents, resetsAt };
}

const today = "2026-12-11T00:00:00.000Z";

async function reserved(where: "account_id" | "citizen", value: string): Promise<number> {
  const [row] = await world.database.rows<{ cents: number }>(
    `select coalesce(sum(amount_cents), 0)::int as cents from purchases
     where ${where} = $1 and takes_room(status, reserved_until, $2)`,
    [value, new Date()],
  );
  return row?.cents ?? 0;
}

function sessionOf(purchaseId: string) {
  const session = world.stripe.world.sessions
    .newestFirst()
    .find(({ client_reference_id: id }) => id === purchaseId);
  if (!session) throw new Error("no session");
  return session;
}

async function news(purchaseId: string, type: string): Promise<Called> {
  const event = eventsOf(world, purchaseId, type).at(-1);
  if (!event) throw new Error(`no ${type}`);
  return deliver(event, new Date());
}

const alertsOf = (subject: string) =>
  world.database.rows<{ message: string }>(
    "select message from alerts where kind = 'limit_exceeded' and subject = $1",
    [subject],
  );

/** An order whose page has expired, and the event of its payment all the same. */
async function paidLate(customer: Customer, amountCents = 30_000) {
  const { purchaseId } = (await buy(customer, amountCents)).body as { purchaseId: string };
  world.stripe.expire(sessionOf(purchaseId).id);
  await news(purchaseId, "checkout.session.expired");
  const [expired] = eventsOf(world, purchaseId, "checkout.session.expired");
  if (!expired) throw new Error("no expiry");
  const paid = { status: "complete", payment_status: "paid", payment_intent: `pi_late_${purchaseId}` };
  return {
    purchaseId,
    event: {
      ...expired,
      id: `${expired.id}_paid`,
      type: "checkout.session.completed",
      data: { object: { ...expired.data.object, ...paid } },
    },
  };
}

describe("each limit", () => {
  test("one payment: to the cent, and nothing is pinned or asked of Stripe", async () => {
    const customer = await alone();
    world.stripe.faults.forget();
    const refused = await buy(customer, limits.transaction + 1);
    expect(refusalOf(refused)).toEqual(limitReached("transaction", limits.transaction, null));
    expect(refused.body.detail).toBe("One payment may be $300.00 at most. Choose less.");
    expect(world.stripe.faults.seen).toEqual([]);
    expect(await world.database.rows("select from purchases where account_id = $1", [customer.id])).toEqual(
      [],
    );
    expect((await buy(customer, limits.transaction)).status).toBe(201);
  });

  test("an account's UTC day: what is left can be bought, a cent more cannot; tomorrow there is room again", async () => {
    const customer = await alone();
    await buy(customer, 20_000);
    await buy(customer, 20_000);
    const refused = await buy(customer, 10_001);
    expect(refusalOf(refused)).toEqual(limitReached("account_day", 10_000, today));
    expect(refused.body.detail).toBe(
      "$100.00 more can be paid from your account today; there is new room from 2026-12-11, 00:00 UTC. Open payment pages count until they end.",
    );
    expect((await buy(customer, 10_000)).status).toBe(201);
    expect(refusalOf(await buy(customer, 1_000))).toEqual(limitReached("account_day", 0, today));
    const late = await at(Date.UTC(2026, 11, 10, 23, 59, 59, 999), customer);
    // Their pages have ended unpaid by now: a day that was paid for is the next test's.
    expect((await buy(late, limits.transaction)).status).toBe(201);
    const next = await at(Date.UTC(2026, 11, 11), customer);
    expect((await buy(next, limits.transaction)).status).toBe(201);
    expect((await buy(next, 20_000)).status).toBe(201);
  });

  /** Paid, so that its page's end gives nothing back. */
  async function paid(customer: Customer, amountCents: number): Promise<string> {
    const opened = await buy(customer, amountCents);
    if (opened.status !== 201) throw new Error(opened.text);
    const purchaseId: string = opened.body.purchaseId;
    world.stripe.pay(sessionOf(purchaseId).id);
    expect((await news(purchaseId, "checkout.session.completed")).body.outcome).toBe("settled");
    return purchaseId;
  }

  test("an account's UTC month, by what was paid on its days; the next month is new", async () => {
    const customer = await alone();
    for (const amount of [30_000, 20_000]) await paid(customer, amount);
    const late = await at(Date.UTC(2026, 11, 10, 23, 59, 59, 999), customer);
    expect(refusalOf(await buy(late, 1_000))).toEqual(limitReached("account_day", 0, today));
    const second = await at(Date.UTC(2026, 11, 11), customer);
    await paid(second, 25_000);
    const third = await at(Date.UTC(2026, 11, 31, 23, 30), customer);
    const month = limitReached("account_month", 5_000, "2027-01-01T00:00:00.000Z");
    expect(refusalOf(await buy(third, 5_001))).toEqual(month);
    expect((await buy(third, 5_000)).status).toBe(201);
    expect((await buy(await at(Date.UTC(2027, 0, 1), customer), limits.transaction)).status).toBe(201);
  });

  test("a citizen's day and month, whoever pays, and wherever it goes", async () => {
    const [one, two, three] = [
      await newCustomer("Shared"),
      await newCustomer("Shared"),
      await newCustomer("Shared"),
    ];
    for (const amount of [30_000, 20_000]) await paid(one, amount);
    expect(refusalOf(await buy(two, 20_001))).toEqual(limitReached("citizen_day", 20_000, today));
    await paid(two, 20_000);
    const next = await at(Date.UTC(2026, 11, 11, 8), three);
    expect(refusalOf(await buy(next, 30_001)).limit).toBe("transaction");
    await paid(next, 30_000);
    const month = limitReached("citizen_month", 0, "2027-01-01T00:00:00.000Z");
    expect(refusalOf(await buy(next, 1_000))).toEqual(month);
    expect((await buy(await alone(), 1_000)).status).toBe(201);
  });

  test("a purchase of the other mode takes no room", async () => {
    const customer = await alone();
    await paid(customer, 30_000);
    await world.database.rows("update purchases set livemode = true where account_id = $1", [customer.id]);
    for (const amount of [30_000, 20_000]) expect((await buy(customer, amount)).status).toBe(201);
  });

  test("a refund gives no room back", async () => {
    const customer = await alone();
    const purchaseId = await paid(customer, 30_000);
    await paid(customer, 20_000);
    world.stripe.refund(sessionOf(purchaseId).id);
    await news(sessionOf(purchaseId).payment_intent as string, "refund.created");
    expect((await statusOf(customer)).walletMillis).toBe(2_000_000);
    expect(refusalOf(await buy(customer, 1_000))).toEqual(limitReached("account_day", 0, today));
  });

  test("a form is told so on a page", async () => {
    const customer = await alone();
    const headers = { cookie: `cascade_session=${customer.token}` };
    const answer = await call("create-checkout", {
      form: { amountCents: "30001", deliverTo: "wallet" },
      headers,
    });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([409, "text/html; charset=utf-8"]);
    expect(answer.text).toContain("One payment may be $300.00 at most");
  });
});

describe("a quote", () => {
  const quote = (customer: Customer, amountCents: number) =>
    call("quote", { json: { amountCents, deliverTo: "wallet" }, token: customer.token });

  test("says which limit a checkout would break, reserves nothing, and is refused then", async () => {
    const customer = await alone();
    await buy(customer, 30_000);
    expect((await quote(customer, 20_000)).body.limitReached).toBeNull();
    const { body } = await quote(customer, 20_001);
    expect(body.limitReached).toEqual({ limit: "account_day", leftCents: 20_000, resetsAt: today });
    expect(decodeJwt(body.quote)["amountCents"]).toBe(20_001);
    expect(await reserved("account_id", customer.id)).toBe(30_000);
    const bought = await call("create-checkout", {
      ...{ json: { quote: body.quote }, token: customer.token },
      headers: { "idempotency-key": "over" },
    });
    expect(refusalOf(bought)).toEqual(limitReached("account_day", 20_000, today));
  });
});

describe("at once", () => {
  /** The same every time, so that a failure can be looked at. */
  function amounts(seed: number, count: number): number[] {
    let state = seed;
    return Array.from({ length: count }, () => {
      state = (state * 48_271) % 2_147_483_647;
      return 1_000 + (state % 9_000);
    });
  }

  /** Nothing was refused that fits still. */
  function expectTight(limit: number, took: number, refused: readonly number[]): void {
    expect(took).toBeLessThanOrEqual(limit);
    expect(refused.length).toBeGreaterThan(10);
    for (const amount of refused) expect(took + amount).toBeGreaterThan(limit);
  }

  /** Fifty orders by turns, behind the door, whose limiter lets an account through thirty times a minute. */
  async function fifty(buyers: readonly Customer[], seed: number) {
    const app = appAt({ now: new Date() });
    const sessions = buyers.map(({ token }) => String(decodeJwt(token)["sid"]));
    const wanted = amounts(seed, 50);
    const outcomes = await Promise.all(
      wanted.map((amount, index) =>
        openCheckout(app, {
          sessionId: sessions[index % sessions.length] ?? "",
          wish: {
            ...{ kind: "ordered", deliverTo: "wallet", promotionCode: undefined },
            order: { amountCents: cents(BigInt(amount)) },
          },
          idempotencyKey: `fifty-${seed}-${index}`,
          origin: "http://cascade.test",
        }),
      ),
    );
    const by = (kind: string) => wanted.filter((_, index) => outcomes[index]?.kind === kind);
    const [refused, opened] = [by("limit_reached"), by("opened")];
    expect(refused.length + opened.length).toBe(50);
    return { refused, took: opened.reduce((sum, amount) => sum + amount, 0) };
  }

  test.each([1, 2, 3])("fifty orders of one account stay within its day (%d)", async (seed) => {
    const customer = await alone();
    const { refused, took } = await fifty([customer], seed);
    expect(await reserved("account_id", customer.id)).toBe(took);
    expectTight(limits.accountDay, took, refused);
  });

  test.each([4, 5, 6])(
    "fifty orders of ten accounts for one citizen stay within his day (%d)",
    async (seed) => {
      const citizen = `BesiegedByTen${seed}`;
      const buyers = await Promise.all(Array.from({ length: 10 }, () => newCustomer(citizen)));
      const { refused, took } = await fifty(buyers, seed);
      expect(await reserved("citizen", citizen)).toBe(took);
      expectTight(limits.citizenDay, took, refused);
    },
  );

  test("thirty orders at the door at once stay within the day, too", async () => {
    const customer = await alone();
    const answers = await Promise.all(Array.from({ length: 30 }, () => buy(customer, 5_000)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(10);
    expect(answers.filter(({ body }) => body.code === "limit_reached")).toHaveLength(20);
    expect(await reserved("account_id", customer.id)).toBe(limits.accountDay);
  });

  test("new orders, orders that are come back to and late money of two payers for one citizen: nobody waits in a ring", async () => {
    const citizen = "BesiegedInEveryWay";
    const [one, two] = [await newCustomer(citizen), await newCustomer(citizen)];
    const left = ["left-1", "left-2", "left-3"];
    for (const key of left) await buy(one, 5_000, `one-${key}`);
    for (const key of left) await buy(two, 5_000, `two-${key}`);
    const late = await Promise.all([paidLate(one, 5_000), paidLate(two, 5_000)]);
    const [later, other] = [await at(noon + 2 * HOUR_MS, one), await at(noon + 2 * HOUR_MS, two)];
    const answers = await Promise.all([
      ...left.flatMap((key) => [buy(later, 5_000, `one-${key}`), buy(other, 5_000, `two-${key}`)]),
      ...late.flatMap(({ event }) => [deliver(event, new Date()), deliver(event, new Date())]),
      ...Array.from({ length: 10 }, (_, index) => buy(index % 2 ? later : other, 5_000)),
    ]);
    expect(answers.filter(({ status }) => ![200, 201, 409].includes(status)).map(({ text }) => text)).toEqual(
      [],
    );
    const lateCents = 10_000;
    expect(await reserved("citizen", citizen)).toBeLessThanOrEqual(limits.citizenDay + lateCents);
    for (const { id } of [one, two]) {
      expect(await reserved("account_id", id)).toBeLessThanOrEqual(limits.accountDay + lateCents / 2);
      expect(await reserved("account_id", id)).toBeGreaterThanOrEqual(limits.accountDay - 25_000);
    }
    await booksBalance(world);
  });

  test("ten clicks on one order count once", async () => {
    const customer = await alone();
    const answers = await Promise.all(Array.from({ length: 10 }, () => buy(customer, 30_000, "clicked")));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.url}`)).size).toBe(1);
    expect(await reserved("account_id", customer.id)).toBe(30_000);
    expect((await buy(customer, 20_000)).status).toBe(201);
    // Its retry finds it, though there is no room for another.
    expect((await buy(customer, 30_000, "clicked")).body.url).toBe(answers[0]?.body.url);
  });

  test("killed after it was pinned, the retry counts once", async () => {
    const customer = await alone();
    world.gateway.faults.plan({ kind: "drop_after", path: "/sql" });
    expect((await buy(customer, 30_000, "killed")).status).toBe(503);
    expect((await buy(customer, 30_000, "killed")).status).toBe(201);
    expect(await reserved("account_id", customer.id)).toBe(30_000);
  });
});

describe("room is given back", () => {
  test("when Stripe says that the page has expired", async () => {
    const customer = await alone();
    const opened = await buy(customer, 30_000);
    expect(refusalOf(await buy(customer, 30_000)).limit).toBe("account_day");
    world.stripe.expire(sessionOf(opened.body.purchaseId).id);
    expect((await news(opened.body.purchaseId, "checkout.session.expired")).body.outcome).toBe("expired");
    expect((await buy(customer, 30_000)).status).toBe(201);
  });

  test("a quarter of an hour after the page's end, when Stripe's word was lost; not before", async () => {
    const customer = await alone();
    await buy(customer, 30_000);
    const before = await at(noon + HOUR_MS + 15 * MINUTE_MS - 1, customer);
    expect(refusalOf(await buy(before, 30_000)).limit).toBe("account_day");
    vi.setSystemTime(noon + HOUR_MS + 15 * MINUTE_MS);
    expect((await buy(before, 30_000)).status).toBe(201);
  });

  test("when a bank debit fails; while it is on its way it counts, however long", async () => {
    const customer = await alone();
    const { purchaseId } = (await buy(customer, 30_000)).body;
    world.stripe.pay(sessionOf(purchaseId).id, { bankDebit: true });
    expect((await news(purchaseId, "checkout.session.completed")).body.outcome).toBe("processing");
    const later = await at(noon + 5 * HOUR_MS, customer);
    expect(refusalOf(await buy(later, 30_000)).limit).toBe("account_day");
    world.stripe.settleDebit(sessionOf(purchaseId).id, "fails");
    expect((await news(purchaseId, "checkout.session.async_payment_failed")).body.outcome).toBe("failed");
    expect((await buy(later, 30_000)).status).toBe(201);
  });

  test("when Venice refuses the order; its retry takes room again, if there is any", async () => {
    const customer = await newCustomer("NobodyInVenice");
    const order = { amountCents: 30_000, deliverTo: "venice" };
    expect((await checkout(customer, order, "refused")).body.code).toBe("unknown_citizen");
    expect(await reserved("account_id", customer.id)).toBe(0);
    const citizen = world.airtable.addCitizen({ Username: "NobodyInVenice", Ducats: 1 });
    await buy(customer, 30_000);
    expect(refusalOf(await checkout(customer, order, "refused"))).toEqual(
      limitReached("account_day", 20_000, today),
    );
    const [, second] = [await buy(customer, 20_000), await buy(customer, 1_000)];
    expect(refusalOf(second).leftCents).toBe(0);
    const next = await at(Date.UTC(2026, 11, 11), customer);
    expect((await checkout(next, order, "refused")).status).toBe(201);
    expect(await reserved("account_id", customer.id)).toBe(30_000);
    world.airtable.remove("CITIZENS", citizen.id);
  });

  test("a page that was made while its order was refused is ended before anybody has it", async () => {
    const customer = await alone();
    // One request has asked Stripe, and not stored the session; another of the same order is refused meanwhile.
    world.gateway.faults.plan({ kind: "drop_before", path: "/sql", skip: 1 });
    expect((await buy(customer, 30_000, "both")).status).toBe(503);
    const [purchase] = await world.database.rows<{ id: string }>(
      "select id from purchases where account_id = $1",
      [customer.id],
    );
    const app = appAt({ now: new Date() });
    await app.db.query(
      sql`select release_purchase(${new Date()}::timestamptz, ${purchase?.id ?? ""}, 1)`,
      z.unknown(),
    );
    for (const amount of [30_000, 20_000]) expect((await buy(customer, amount)).status).toBe(201);
    const session = sessionOf(purchase?.id ?? "");
    // The first request goes on from where it was.
    const { status } = await app.db.one(
      sql`select attach_session(${new Date()}::timestamptz, ${purchase?.id ?? ""}, 1, ${session.id}, ${session.url}) as status`,
      z.object({ status: z.string() }),
    );
    expect(status).toBe("superseded");
    expect(refusalOf(await buy(customer, 30_000, "both")).limit).toBe("account_day");
    expect((await statusOf(customer)).purchases.map(({ status: each }: { status: string }) => each)).toEqual([
      "open",
      "open",
    ]);
  });
});

describe("an order that is come back to", () => {
  test("when its page is over takes its room anew, on the day of now, once", async () => {
    const customer = await alone();
    const first = await buy(customer, 30_000, "left");
    const next = await at(Date.UTC(2026, 11, 11, 9), customer);
    const again = await buy(next, 30_000, "left");
    expect([again.status, again.body.purchaseId]).toEqual([201, first.body.purchaseId]);
    expect(refusalOf(await buy(next, 20_001))).toEqual(
      limitReached("account_day", 20_000, "2026-12-12T00:00:00.000Z"),
    );
    expect((await buy(next, 20_000)).status).toBe(201);
  });

  test("when others took its room is refused, its old page over; and goes on when there is room", async () => {
    const customer = await alone();
    const { purchaseId } = (await buy(customer, 30_000, "left")).body;
    const later = await at(noon + 2 * HOUR_MS, customer);
    await buy(later, 30_000);
    expect(refusalOf(await buy(later, 30_000, "left"))).toEqual(limitReached("account_day", 20_000, today));
    expect(sessionOf(purchaseId).status).toBe("expired");
    const next = await at(Date.UTC(2026, 11, 11), customer);
    const again = await buy(next, 30_000, "left");
    expect([again.status, again.body.purchaseId]).toEqual([201, purchaseId]);
  });

  test("by five at once opens one page, and counts once", async () => {
    const customer = await alone();
    await buy(customer, 30_000, "left");
    const later = await at(noon + 2 * HOUR_MS, customer);
    const answers = await Promise.all(Array.from({ length: 5 }, () => buy(later, 30_000, "left")));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.url}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    expect(await reserved("account_id", customer.id)).toBe(30_000);
  });
});

describe("money that comes when its room was given up", () => {
  test("is credited above the limit, once, alerted, and takes room from then on", async () => {
    const customer = await alone();
    const { purchaseId, event } = await paidLate(customer);
    for (const amount of [30_000, 20_000]) expect((await buy(customer, amount)).status).toBe(201);
    const answers = await Promise.all(Array.from({ length: 5 }, () => deliver(event, new Date())));
    expect(answers.filter(({ body }) => body.outcome === "settled")).toHaveLength(1);
    expect(await statusOf(customer)).toMatchObject({ walletMillis: 3_000_000 });
    const alerts = await alertsOf(purchaseId);
    expect(alerts).toHaveLength(1);
    expect(alerts[0]?.message).toContain("300.00, above the limit account day, which had 0.00 left");
    expect(await reserved("account_id", customer.id)).toBe(80_000);
    expect(refusalOf(await buy(customer, 1_000)).leftCents).toBe(0);
    await booksBalance(world);
  });

  test("is alerted by nothing when there is room, and counts", async () => {
    const customer = await alone();
    const { purchaseId, event } = await paidLate(customer);
    expect((await deliver(event, new Date())).body.outcome).toBe("settled");
    expect(await alertsOf(purchaseId)).toEqual([]);
    expect(refusalOf(await buy(customer, 20_001)).leftCents).toBe(20_000);
  });

  test("counts on the day on which it came", async () => {
    const customer = await alone();
    const { purchaseId, event } = await paidLate(customer);
    const next = await at(Date.UTC(2026, 11, 12, 1), customer);
    for (const amount of [30_000, 20_000]) expect((await buy(next, amount)).status).toBe(201);
    expect((await deliver(event, new Date())).body.outcome).toBe("settled");
    expect(await alertsOf(purchaseId)).toHaveLength(1);
  });

  test("an order that is paid within its time alerts nobody, whatever came meanwhile", async () => {
    const customer = await alone();
    const { purchaseId } = (await buy(customer, 30_000)).body;
    await buy(customer, 20_000);
    world.stripe.pay(sessionOf(purchaseId).id);
    expect((await news(purchaseId, "checkout.session.completed")).body.outcome).toBe("settled");
    expect(await alertsOf(purchaseId)).toEqual([]);
  });
});
