/** How many accounts an address may open. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();

// The window slides over two fixed ones: time stands still, five minutes into one.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 20, 12, 5) });
});
afterEach(() => {
  vi.useRealTimers();
});

let accounts = 0;
function signUp(ip: string, headers: Record<string, string> = {}) {
  accounts += 1;
  const json = {
    email: `limited${accounts}@example.com`,
    password: "correct horse battery",
    citizen: "RialtoBanker",
  };
  return call("signup", { json, ip, headers });
}

async function accountCount(): Promise<number> {
  return (await world.database.rows("select 1 from accounts")).length;
}

test("five sign-ups from one address in fifteen minutes, a sixth is refused and stored nowhere", async () => {
  for (const left of [4, 3, 2, 1, 0]) {
    const answer = await signUp("192.0.2.1");
    expect(answer.status).toBe(201);
    expect(answer.headers.get("ratelimit-policy")).toBe('"sign-up-address";q=5;w=900');
    expect(answer.headers.get("ratelimit")).toMatch(new RegExp(`^"sign-up-address";r=${left};t=\\d+$`));
  }
  const before = await accountCount();
  const refused = await signUp("192.0.2.1", { "x-forwarded-for": "198.18.0.1" });
  expect([refused.status, refused.body.code]).toEqual([429, "rate_limited"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(log.last().trips).toEqual({ redis: 1 });
  expect(await accountCount()).toBe(before);
  expect((await signUp("192.0.2.2")).status).toBe(201);
});
