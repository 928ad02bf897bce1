/** Links have limits of their own: to ask for by e-mail and by network, to use by network. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call } from "../../support/call.ts";
import { newCustomer, useWorld } from "../../support/world.ts";
import { useHashes } from "../password/hashes.ts";
import { freshAddress, signIn } from "../sessions/devices.ts";

const world = useWorld();
const hashes = useHashes();
// The window slides over two fixed ones: time stands still, five minutes into one.
beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 20, 12, 5) }));
afterEach(() => vi.useRealTimers());

const names = ["password-reset", "email-verification"] as const;

async function statusesOf(count: number, ask: (index: number) => ReturnType<typeof call>): Promise<number[]> {
  const statuses = [];
  for (let index = 0; index < count; index += 1) statuses.push((await ask(index)).status);
  return statuses;
}

test.each(names)("%s, 429: three links an hour to one e-mail, known or not, from wherever", async (name) => {
  const { email } = await newCustomer();
  for (const each of [email, "nobody@example.com"]) {
    await world.upstash.clear();
    const statuses = await statusesOf(4, () => call(name, { json: { email: each }, ip: freshAddress() }));
    expect(statuses).toEqual([202, 202, 202, 429]);
  }
});

test.each(names)("%s, 429: ten links an hour from one network, an IPv6 one by its /64", async (name) => {
  const statuses = await statusesOf(11, (index) =>
    call(name, { json: { email: `somebody${index}@example.com` }, ip: `2001:db8:5:6::${index + 1}` }),
  );
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 202), 429]);
});

test("429: ten links used in fifteen minutes from one network, and no eleventh hash", async () => {
  const use = () =>
    call("password-reset", { json: { token: "guess", password: "a guessed horse" }, ip: "192.0.2.5" });
  const [statuses, count] = await hashes.during(() => statusesOf(12, use));
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 422), 429, 429]);
  expect(count).toBe(10);
});

test("using up links leaves sign-in alone, and the other way round", async () => {
  const { email } = await newCustomer();
  await world.upstash.clear();
  await statusesOf(4, () => call("password-reset", { json: { email }, ip: "192.0.2.6" }));
  expect((await signIn(email, { ip: "192.0.2.6" })).status).toBe(200);
  for (let index = 0; index < 6; index += 1) await signIn(email, { password: "wrong horse battery" });
  await world.upstash.clear();
  expect((await call("password-reset", { json: { email } })).status).toBe(202);
});

test.each(names)("%s, 503: without the limiter's yes nothing is written and nothing mailed", async (name) => {
  const { email } = await newCustomer();
  for (const json of [
    { email },
    { token: "x", ...(name === "password-reset" && { password: "ten letters" }) },
  ]) {
    world.gateway.faults.forget();
    world.upstash.faults.plan({ kind: "status", status: 500, times: 2 });
    const [answer, count] = await hashes.during(() => call(name, { json }));
    expect([answer.status, answer.body.code, count]).toEqual([503, "limiter_unavailable", 0]);
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(world.gateway.faults.seen).toEqual([]);
    world.upstash.faults.clear();
  }
});

test("an address that may ask for nothing more uses up nobody's links", async () => {
  const { email } = await newCustomer();
  await world.upstash.clear();
  await statusesOf(10, (index) =>
    call("password-reset", { json: { email: `somebody${index}@example.com` }, ip: "192.0.2.8" }),
  );
  const refused = await statusesOf(3, () => call("password-reset", { json: { email }, ip: "192.0.2.8" }));
  expect(refused).toEqual([429, 429, 429]);
  expect((await call("password-reset", { json: { email }, ip: freshAddress() })).status).toBe(202);
});
