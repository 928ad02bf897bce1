/** How often a password may be tried: five times in fifteen minutes, for an account and from an address. */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MINUTE_MS } from "../../../lib/clock.ts";
import { call, type CallOptions } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld, type Customer } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
const password = "correct horse battery";
const wrong = "wrong horse battery";

const hash = vi.spyOn(crypto, "argon2");
// The window slides over two fixed ones: time stands still, five minutes into one.
const start = Date.UTC(2026, 10, 20, 12, 5);
beforeEach(() => {
  syncBuiltinESMExports();
  vi.useFakeTimers({ toFake: ["Date"], now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

function signIn({ email }: Pick<Customer, "email">, given: string, options: CallOptions = {}) {
  return call("login", { json: { email, password: given }, ...options });
}

/** A customer, and nothing counted yet. */
async function uncounted(): Promise<Customer> {
  const customer = await newCustomer();
  await world.upstash.clear();
  hash.mockClear();
  return customer;
}

/** @param asked the counts that were taken: what the address is refused uses up nothing of the account. */
async function expectRefused(customer: Customer, asked: number, options: CallOptions): Promise<void> {
  hash.mockClear();
  const answer = await signIn(customer, password, options);
  expect([answer.status, answer.body.code]).toEqual([429, "rate_limited"]);
  const wait = Number(answer.headers.get("retry-after"));
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(15 * 60);
  expect(answer.headers.get("ratelimit")).toMatch(/;r=0;/);
  expect(answer.headers.getSetCookie()).toEqual([]);
  expect(hash).not.toHaveBeenCalled();
  expect(log.last().trips).toEqual({ redis: asked });
}

test("five tries for one account from five addresses; the sixth is refused, the right password too", async () => {
  const customer = await uncounted();
  for (const left of [4, 3, 2, 1, 0]) {
    const answer = await signIn(customer, wrong, { ip: `192.0.2.${left}` });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("ratelimit-policy")).toBe(
      '"sign-in-address";q=5;w=900, "sign-in-account";q=5;w=900',
    );
    expect(answer.headers.get("ratelimit")).toMatch(
      new RegExp(`^"sign-in-address";r=4;t=\\d+, "sign-in-account";r=${left};t=\\d+$`),
    );
  }
  await expectRefused(customer, 2, { ip: "192.0.2.99" });
});

test("five tries from one address for five accounts; the sixth is refused, elsewhere it is not", async () => {
  const customers = [];
  for (let index = 0; index < 6; index += 1) customers.push(await newCustomer());
  await world.upstash.clear();
  const [last, ...others] = customers;
  for (const each of others) expect((await signIn(each, wrong, { ip: "192.0.2.10" })).status).toBe(401);
  if (!last) throw new Error("no customer");
  await expectRefused(last, 1, { ip: "192.0.2.10" });
  expect((await signIn(last, password, { ip: "192.0.2.11" })).status).toBe(200);
});

test("successful tries count as well", async () => {
  const customer = await uncounted();
  for (let index = 0; index < 5; index += 1)
    expect((await signIn(customer, password, { ip: `192.0.2.${index}` })).status).toBe(200);
  await expectRefused(customer, 2, { ip: "192.0.2.99" });
});

test("an unknown e-mail is counted like a known one", async () => {
  await uncounted();
  const nobody = { email: "nobody@example.com" };
  for (let index = 0; index < 5; index += 1) await signIn(nobody, wrong, { ip: `192.0.2.${index}` });
  expect((await signIn(nobody, wrong, { ip: "192.0.2.99" })).status).toBe(429);
});

test("the same e-mail in other letters is the same account", async () => {
  const customer = await uncounted();
  for (let index = 0; index < 5; index += 1)
    await signIn({ email: ` ${index % 2 ? customer.email.toUpperCase() : customer.email} ` }, wrong, {
      ip: `192.0.2.${index}`,
    });
  await expectRefused(customer, 2, { ip: "192.0.2.99" });
});

test.each(["x-forwarded-for", "x-nf-client-connection-ip", "x-real-ip", "forwarded", "client-ip"])(
  "the header %s changes nothing: the platform says where a request comes from",
  async (header) => {
    const customers = [];
    for (let index = 0; index < 6; index += 1) customers.push(await newCustomer());
    await world.upstash.clear();
    const answers = [];
    for (const [index, each] of customers.entries())
      answers.push(
        await signIn(each, wrong, { ip: "192.0.2.20", headers: { [header]: `198.18.0.${index}` } }),
      );
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429]);
  },
);

test("twenty tries at once: five are checked", async () => {
  const customer = await uncounted();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => signIn(customer, wrong, { ip: `192.0.2.${index}` })),
  );
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(15);
  expect(hash).toHaveBeenCalledTimes(5);
});

test("when the window is over the account can be tried again", async () => {
  const customer = await uncounted();
  for (let index = 0; index < 5; index += 1) await signIn(customer, wrong, { ip: "192.0.2.30" });
  await expectRefused(customer, 1, { ip: "192.0.2.30" });
  vi.setSystemTime(start + 30 * MINUTE_MS);
  expect((await signIn(customer, password, { ip: "192.0.2.30" })).status).toBe(200);
});

test("one customer's tries refuse no other customer", async () => {
  const [one, two] = [await newCustomer(), await newCustomer()];
  await world.upstash.clear();
  for (let index = 0; index < 6; index += 1) await signIn(one, wrong, { ip: "192.0.2.40" });
  expect((await signIn(two, password, { ip: "192.0.2.41" })).status).toBe(200);
});

test("what Redis is told names neither e-mail nor address", async () => {
  const customer = await uncounted();
  await signIn(customer, password, { ip: "192.0.2.77" });
  const keys = JSON.stringify(await world.upstash.run(["keys", "*"]));
  expect(keys).toContain("cascade:sign-in-account:");
  for (const personal of [customer.email, "192.0.2.77"]) expect(keys).not.toContain(personal);
});
