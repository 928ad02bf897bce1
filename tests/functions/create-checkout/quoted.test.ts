/** Buying by a quote: charged is what it says, once, by whom it was given to, while it holds, and by nothing forged. */
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT, type JWTPayload } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { signToken } from "../../../lib/account/access-token.ts";
import { signingKeys } from "../../../lib/account/secrets.ts";
import { later, MINUTE_MS, SECOND_MS } from "../../../lib/clock.ts";
import { randomId } from "../../../lib/ids.ts";
import { call, type Called } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { setRate } from "../../support/rating.ts";
import {
  booksBalance,
  deliver,
  eventsOf,
  newCustomer,
  signInAgain,
  statusOf,
  useWorld,
  type Customer,
} from "../../support/world.ts";

const previousKey = "the key before this one, of thirty-two characters";
const world = useWorld({ JWT_PREVIOUS_SECRET_KEY: previousKey });
const log = useLog();

let now = Date.UTC(2026, 11, 1);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now });
});
afterEach(() => {
  now = Date.now() + 60 * MINUTE_MS;
  vi.useRealTimers();
});

async function take(customer: Customer, json: object = { pack: "explorer" }): Promise<string> {
  const taken = await call("quote", { json: { deliverTo: "wallet", ...json }, token: customer.token });
  if (taken.status !== 200) throw new Error(taken.text);
  return taken.body.quote;
}

let orders = 0;
function buy(customer: Customer, quote: string, key = `quoted-${(orders += 1)}`): Promise<Called> {
  return call("create-checkout", {
    ...{ json: { quote }, token: customer.token },
    headers: { "idempotency-key": key },
  });
}

const purchasesOf = ({ id }: Customer) =>
  world.database.rows(
    `select id, pack, amount_cents::int as cents, base_millis::int as base, bonus_millis::int as bonus,
       micro_usd_per_ducat::int as rate, quote_id, citizen, deliver_to from purchases where account_id = $1`,
    [id],
  );

async function expectRefused(
  customer: Customer,
  answer: Called,
  status: number,
  code: string,
): Promise<void> {
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(await purchasesOf(customer)).toEqual([]);
  expect(world.stripe.faults.seen).toEqual([]);
}

test("it pins what the quote says, by the same round trips as without", async () => {
  const customer = await newCustomer();
  const quote = await take(customer);
  const bought = await buy(customer, quote);
  expect(bought.status).toBe(201);
  expect(log.last().trips).toEqual({ redis: 1, postgres: 2, stripe: 1 });
  expect(await purchasesOf(customer)).toEqual([
    {
      ...{
        id: bought.body.purchaseId,
        pack: "explorer",
        cents: 5_000,
        base: 500_000,
        bonus: 25_000,
        rate: 100_000,
      },
      ...{ quote_id: decodeJwt(quote).jti, citizen: customer.citizen, deliver_to: "wallet" },
    },
  ]);
});

test("the rate moved meanwhile: the quoted one is charged and credited; without a quote it is the new one", async () => {
  const customer = await newCustomer();
  const [pack, custom] = [await take(customer), await take(customer, { amountCents: 2_000 })];
  vi.setSystemTime(Date.now() + 10 * MINUTE_MS);
  await setRate(world, 200_000);
  vi.setSystemTime(Date.now() + 4 * MINUTE_MS);
  const bought = await buy(customer, pack);
  await buy(customer, custom);
  await call("create-checkout", {
    ...{ json: { pack: "explorer", deliverTo: "wallet" }, token: customer.token },
    headers: { "idempotency-key": "unquoted" },
  });
  const found = await purchasesOf(customer);
  expect(found.map(({ cents, base, rate }) => [cents, base, rate]).sort()).toEqual(
    [
      [5_000, 500_000, 100_000],
      [2_000, 200_000, 100_000],
      [10_000, 500_000, 200_000],
    ].sort(),
  );
  const [session] = world.stripe.world.sessions
    .oldestFirst()
    .filter(({ client_reference_id: id }) => id === bought.body.purchaseId);
  expect(session?.amount_total).toBe(5_000);
  world.stripe.pay(session?.id ?? "");
  const [completed] = eventsOf(world, bought.body.purchaseId, "checkout.session.completed");
  if (!completed) throw new Error("no completion");
  expect((await deliver(completed)).body.outcome).toBe("settled");
  expect(await statusOf(customer)).toMatchObject({ walletMillis: 525_000 });
  await booksBalance(world);
  await setRate(world, 100_000);
});

describe("its time", () => {
  test("it holds to its last second, and not beyond", async () => {
    const [one, two] = [await newCustomer(), await newCustomer()];
    const quotes = [await take(one), await take(two)] as const;
    vi.setSystemTime(Date.now() + 15 * MINUTE_MS - 1);
    expect((await buy(one, quotes[0])).status).toBe(201);
    world.stripe.faults.forget();
    vi.setSystemTime(Date.now() + 1);
    const late = await buy(await signInAgain(two), quotes[1]);
    await expectRefused(two, late, 409, "quote_expired");
    expect(late.body.field).toBe("quote");
    expect(late.body.detail).toContain("Take a new quote");
  });

  test("a retry of an order that was pinned in time finds its page when the quote is over", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    const first = await buy(customer, quote, "in-time");
    vi.setSystemTime(Date.now() + 14 * MINUTE_MS + 59 * SECOND_MS);
    await setRate(world, 150_000);
    vi.setSystemTime(Date.now() + MINUTE_MS);
    const again = await buy(await signInAgain(customer), quote, "in-time");
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(await purchasesOf(customer)).toHaveLength(1);
    await setRate(world, 100_000);
  });

  test("killed after it was pinned, come back to when the quote is over: one purchase, at the quoted price", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    world.gateway.faults.plan({ kind: "drop_after", path: "/sql" });
    expect((await buy(customer, quote, "killed")).status).toBe(503);
    vi.setSystemTime(Date.now() + 20 * MINUTE_MS);
    const again = await buy(await signInAgain(customer), quote, "killed");
    expect(again.status).toBe(201);
    expect(await purchasesOf(customer)).toMatchObject([{ id: again.body.purchaseId, cents: 5_000 }]);
  });
});

describe("once", () => {
  test("another order by the same quote is refused; the first goes on", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    const first = await buy(customer, quote, "first");
    const second = await buy(customer, quote, "second");
    expect([second.status, second.body.code]).toEqual([409, "quote_used"]);
    expect((await buy(customer, quote, "first")).body.url).toBe(first.body.url);
    expect(await purchasesOf(customer)).toHaveLength(1);
  });

  test("ten orders by one quote at once: one purchase, nine refused", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    const answers = await Promise.all(Array.from({ length: 10 }, () => buy(customer, quote)));
    expect(answers.map(({ status, body }) => `${status} ${body.code ?? ""}`).sort()).toEqual([
      "201 ",
      ...Array<string>(9).fill("409 quote_used"),
    ]);
    expect(await purchasesOf(customer)).toHaveLength(1);
  });

  test("ten clicks on one order: one purchase, one page", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    const answers = await Promise.all(Array.from({ length: 10 }, () => buy(customer, quote, "clicked")));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.url}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    expect(await purchasesOf(customer)).toHaveLength(1);
  });

  test("the key of an order with another quote, or without one, is another order's", async () => {
    const customer = await newCustomer();
    await buy(customer, await take(customer), "keyed");
    for (const json of [{ quote: await take(customer) }, { pack: "explorer", deliverTo: "wallet" }]) {
      const headers = { "idempotency-key": "keyed" };
      const other = await call("create-checkout", { json, token: customer.token, headers });
      expect([other.status, other.body.code]).toEqual([409, "idempotency_key_reused"]);
    }
  });
});

describe("an order that was left", () => {
  const sessionsOf = ({ email }: Customer) =>
    world.stripe.world.sessions.oldestFirst().filter(({ customer_email: each }) => each === email);

  test.each(["by a quote", "without one"])(
    "%s, come back to when its page is over and the rate has moved: the old price is gone, and so is the old page",
    async (how) => {
      const customer = await newCustomer();
      const quote = await take(customer);
      const order = (by: Customer) =>
        how === "by a quote"
          ? buy(by, quote, "left")
          : call("create-checkout", {
              ...{ json: { pack: "explorer", deliverTo: "wallet" }, token: by.token },
              headers: { "idempotency-key": "left" },
            });
      expect((await order(customer)).status).toBe(201);
      vi.setSystemTime(Date.now() + 61 * MINUTE_MS);
      await setRate(world, 150_000);
      vi.setSystemTime(Date.now() + 21 * MINUTE_MS);
      const again = await Promise.all(
        Array.from({ length: 3 }, async () => order(await signInAgain(customer))),
      );
      expect(again.map(({ status, body }) => [status, body.code])).toEqual(
        Array.from({ length: 3 }, () => [409, "price_expired"]),
      );
      expect(sessionsOf(customer).map(({ status }) => status)).toEqual(["expired"]);
      expect(await purchasesOf(customer)).toHaveLength(1);
      await setRate(world, 100_000);
    },
  );

  test("pinned and never sent, it keeps its price for no more than the page would have", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    world.gateway.faults.plan({ kind: "drop_after", path: "/sql" });
    expect((await buy(customer, quote, "unsent")).status).toBe(503);
    await setRate(world, 150_000);
    vi.setSystemTime(Date.now() + 61 * MINUTE_MS);
    expect((await buy(await signInAgain(customer), quote, "unsent")).body.code).toBe("price_expired");
    expect(sessionsOf(customer)).toEqual([]);
    await setRate(world, 100_000);
  });

  test("while its rate is still in force, it opens the next page at the same price", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    await buy(customer, quote, "still");
    vi.setSystemTime(Date.now() + 24 * 60 * MINUTE_MS);
    const again = await buy(await signInAgain(customer), quote, "still");
    expect(again.status).toBe(201);
    expect(sessionsOf(customer).map(({ status, amount_total: cents }) => [status, cents])).toEqual([
      ["expired", 5_000],
      ["open", 5_000],
    ]);
  });
});

describe("its owner", () => {
  test("another account's is refused, and stays good for its own", async () => {
    const [owner, thief] = [await newCustomer(), await newCustomer()];
    const quote = await take(owner);
    await expectRefused(thief, await buy(thief, quote), 422, "quote_invalid");
    expect((await buy(owner, quote)).status).toBe(201);
  });

  test("whose citizen has changed since takes a new one", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    await world.database.rows("update accounts set citizen = 'gondoliere_77' where id = $1", [customer.id]);
    await expectRefused(customer, await buy(customer, quote), 409, "citizen_changed");
    expect((await buy(customer, await take(customer))).status).toBe(201);
  });
});

describe("forged", () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

  test.each<[string, unknown]>([
    ["amountCents", 1],
    ["baseMillis", 5_000_000],
    ["bonusMillis", 5_000_000],
    ["microUsdPerDucat", 50_000],
    ["pack", "noble"],
    ["citizen", "BarnabottoLuca"],
    ["deliverTo", "venice"],
    ["sub", "acc_00000000000000000000"],
    ["jti", randomId("quo")],
    ["exp", 4_102_444_800],
    ["iat", 1],
    ["aud", "cascade-site"],
    ["iss", "somebody"],
  ])("a changed %s breaks the signature", async (claim, value) => {
    const customer = await newCustomer();
    const [header, payload, signature] = (await take(customer)).split(".");
    const claims = JSON.parse(Buffer.from(payload ?? "", "base64url").toString()) as JWTPayload;
    expect(claims[claim]).toBeDefined();
    const forged = [header, encode({ ...claims, [claim]: value }), signature].join(".");
    await expectRefused(customer, await buy(customer, forged), 422, "quote_invalid");
  });

  test("no signature, another algorithm, another key, no token at all", async () => {
    const customer = await newCustomer();
    const quote = await take(customer);
    const claims = decodeJwt(quote);
    const header = { ...decodeProtectedHeader(quote), alg: "HS256" };
    const key = new TextEncoder().encode(process.env["JWT_SECRET_KEY"]);
    const forged = [
      new UnsecuredJWT(claims).encode(),
      `${quote.split(".").slice(0, 2).join(".")}.`,
      await new SignJWT(claims).setProtectedHeader(header).sign(new TextEncoder().encode("x".repeat(40))),
      await new SignJWT(claims).setProtectedHeader({ ...header, alg: "HS512" }).sign(key),
      await new SignJWT(claims).setProtectedHeader({ ...header, kid: "00000000" }).sign(key),
      ...["x", "a.b.c", "null"],
    ];
    for (const each of forged) await expectRefused(customer, await buy(customer, each), 422, "quote_invalid");
  });

  test("a session's token is no quote, nor is a quote a session's token", async () => {
    const customer = await newCustomer();
    await expectRefused(customer, await buy(customer, customer.token), 422, "quote_invalid");
    expect((await call("me", { token: await take(customer) })).status).toBe(401);
  });

  test("one that the key before this one has signed is good, until it is over", async () => {
    const customer = await newCustomer();
    const claims = decodeJwt(await take(customer));
    const signed = (secret: string) =>
      signToken(
        { JWT_SECRET_KEY: secret },
        "cascade-quote",
        claims,
        new Date(),
        later(new Date(), MINUTE_MS),
      );
    expect(signingKeys({ JWT_SECRET_KEY: previousKey })).toHaveLength(1);
    expect((await buy(customer, await signed(previousKey))).status).toBe(201);
    world.stripe.faults.forget();
    const [other] = [await newCustomer()];
    const stolen = await signed("a key that was never ours, of enough characters");
    await expectRefused(other, await buy(other, stolen), 422, "quote_invalid");
  });

  // With our own key, as a mistake of ours would: the database knows better.
  const ours = { JWT_SECRET_KEY: "a secret of thirty-two characters or more" };
  async function mistaken(customer: Customer, changed: Record<string, unknown>): Promise<Called> {
    const claims = { ...decodeJwt(await take(customer)), ...changed };
    return buy(
      customer,
      await signToken(ours, "cascade-quote", claims, new Date(), later(new Date(), MINUTE_MS)),
    );
  }

  test.each<Record<string, unknown>>([
    { amountCents: 4_999 },
    { baseMillis: 600_000 },
    { microUsdPerDucat: 60_000, amountCents: 3_000 },
  ])("rightly signed and wrong, %j: nothing is pinned", async (changed) => {
    const customer = await newCustomer();
    await expectRefused(customer, await mistaken(customer, changed), 500, "internal");
  });

  test.each<Record<string, unknown>>([
    { amountCents: "much" },
    { amountCents: 0.5 },
    { pack: "doge" },
    { deliverTo: "florence" },
    { citizen: undefined },
    { jti: undefined },
  ])("rightly signed and without sense, %j: no quote", async (changed) => {
    const customer = await newCustomer();
    await expectRefused(customer, await mistaken(customer, changed), 422, "quote_invalid");
  });
});

test.each([
  [{ pack: "starter" }, "pack"],
  [{ amountCents: 1_000 }, "amountCents"],
  [{ deliverTo: "wallet" }, "deliverTo"],
])("a quote and %j are refused by the field", async (more, field) => {
  const customer = await newCustomer();
  const answer = await call("create-checkout", {
    ...{ json: { quote: await take(customer), ...more }, token: customer.token },
    headers: { "idempotency-key": "both" },
  });
  expect([answer.status, answer.body.field]).toEqual([422, field]);
});

test.each([
  ["", "quote"],
  ["x".repeat(2_001), "quote"],
  [5, "quote"],
])("the quote %j is refused", async (quote, field) => {
  const customer = await newCustomer();
  const answer = await call("create-checkout", {
    ...{ json: { quote }, token: customer.token },
    headers: { "idempotency-key": "odd" },
  });
  expect([answer.status, answer.body.field]).toEqual([422, field]);
});
