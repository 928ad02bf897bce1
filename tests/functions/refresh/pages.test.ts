/** Pages are renewed on the way: whose access token is over goes on by the refresh cookie, in the same request. */
import { afterEach, expect, test, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../lib/clock.ts";
import type { NetlifyFunction } from "../../../lib/http/endpoint.ts";
import { call, site, type CallOptions } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, password, useWorld } from "../../support/world.ts";
import { cookiesOf, openPage, renewing, sending } from "../sessions/devices.ts";

const world = useWorld();
const log = useLog();
afterEach(() => vi.useRealTimers());

const nobodysSession = `/ses_${"0".repeat(20)}`;

async function signedIn() {
  const customer = await newCustomer();
  return { ...customer, cookies: await openPage(customer.email) };
}

async function usedTokens(id: string): Promise<number> {
  const [row] = await world.database.rows<{ used: number }>(
    `select count(*)::int as used from refresh_tokens r join sessions s on s.id = r.session_id
     where s.account_id = $1 and r.used_at is not null`,
    [id],
  );
  return row?.used ?? 0;
}

test("by the refresh cookie alone the request succeeds and sets the next pair, for one more round trip", async () => {
  const { id, cookies } = await signedIn();
  const answer = await call("me", { headers: renewing(cookies) });
  expect([answer.status, answer.body.account.id]).toEqual([200, id]);
  expect(log.last()).toMatchObject({ account: id, trips: { postgres: 2 } });
  const next = cookiesOf(answer);
  expect(Object.keys(next)).toEqual(["cascade_session", "cascade_refresh"]);
  expect(next["cascade_refresh"]).not.toBe(cookies["cascade_refresh"]);
  for (const cookie of answer.headers.getSetCookie())
    expect(cookie).toMatch(/^[^;]+; Path=\/; HttpOnly; SameSite=Lax; Expires=[^;]+ GMT$/);
  expect((await call("me", { headers: sending(next, "cascade_session") })).body.account.id).toBe(id);
  expect((await call("me", { headers: renewing(next) })).status).toBe(200);
});

test("a live access token costs no extra round trip and sets nothing", async () => {
  const { cookies } = await signedIn();
  const answer = await call("me", { headers: sending(cookies) });
  expect(answer.status).toBe(200);
  expect(answer.headers.getSetCookie()).toEqual([]);
  expect(log.last().trips).toEqual({ postgres: 1 });
});

test("an access token that is over, or nonsense, is renewed like a missing one", async () => {
  const { cookies } = await signedIn();
  const wrong = { ...cookies, cascade_session: "nonsense" };
  const renewed = cookiesOf(await call("me", { headers: sending(wrong) }));
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 15 * MINUTE_MS });
  const answer = await call("me", { headers: sending(renewed) });
  expect(answer.status).toBe(200);
  expect(Object.keys(cookiesOf(answer))).toEqual(["cascade_session", "cascade_refresh"]);
});

const refusals: readonly [string, string, number, CallOptions][] = [
  ["404", "sessions", 404, { method: "DELETE", tail: nobodysSession }],
  ["422", "api-keys", 422, { json: {} }],
  ["415", "api-keys", 415, { body: "name=x" }],
  ["403", "password", 403, { json: { currentPassword: "wrong", newPassword: "a new horse battery" } }],
];

test.each(refusals)("a refusal (%s) sets the next pair, too", async (_, name, status, options) => {
  const { cookies } = await signedIn();
  const answer = await call(name, { ...options, headers: renewing(cookies) });
  expect(answer.status).toBe(status);
  const next = cookiesOf(answer);
  expect((await call("me", { headers: sending(next, "cascade_session") })).status).toBe(200);
});

test("a service that is away (503) sets the next pair, too", async () => {
  const { cookies } = await signedIn();
  world.gateway.faults.plan({ kind: "status", status: 500, skip: 1 });
  const answer = await call("me", { headers: renewing(cookies) });
  expect(answer.status).toBe(503);
  expect((await call("me", { headers: sending(cookiesOf(answer), "cascade_session") })).status).toBe(200);
});

test("a form goes on to the payment page, with the next pair", async () => {
  const { cookies } = await signedIn();
  const answer = await call("create-checkout", { form: { pack: "starter" }, headers: renewing(cookies) });
  expect(answer.status).toBe(303);
  expect(answer.headers.get("location")).toContain("/pay/");
  expect((await call("me", { headers: sending(cookiesOf(answer), "cascade_session") })).status).toBe(200);
});

test("a form whose fields are wrong is answered with a page, and with the next pair", async () => {
  const { cookies } = await signedIn();
  const answer = await call("create-checkout", { form: { pack: "none" }, headers: renewing(cookies) });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([422, "text/html; charset=utf-8"]);
  expect((await call("me", { headers: sending(cookiesOf(answer), "cascade_session") })).status).toBe(200);
});

test("two tabs at once both succeed, and hold the same pair", async () => {
  const { id, cookies } = await signedIn();
  const answers = await Promise.all(
    ["me", "credit-status", "sessions", "api-keys", "me"].map((name) =>
      call(name, { headers: renewing(cookies) }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(new Set(answers.map((answer) => cookiesOf(answer)["cascade_refresh"])).size).toBe(1);
  expect(await usedTokens(id)).toBe(1);
});

test("an answer lost on the way: the page tries again and goes on", async () => {
  const { cookies } = await signedIn();
  world.gateway.faults.plan({ kind: "drop_after" });
  const lost = await call("me", { headers: renewing(cookies) });
  expect([lost.status, lost.body.code]).toEqual([503, "database_unavailable"]);
  expect(lost.headers.getSetCookie()).toEqual([]);
  expect((await call("me", { headers: renewing(cookies) })).status).toBe(200);
});

const endedPair = ["cascade_session", "cascade_refresh"].map(
  (name) => `${name}=; Path=/; HttpOnly; SameSite=Lax; Expires=Thu, 01 Jan 1970 00:00:00 GMT`,
);

test("401: a refused refresh ends the cookies, and the device stays known", async () => {
  const { cookies } = await signedIn();
  await call("logout", { json: {}, headers: sending(cookies) });
  for (const headers of [renewing(cookies), { cookie: "cascade_refresh=nonsense" }]) {
    const answer = await call("me", { headers });
    expect(answer.status).toBe(401);
    expect(answer.headers.getSetCookie()).toEqual(endedPair);
    expect(log.last().trips).toEqual({ postgres: 1 });
  }
});

test("303: a form with a refused refresh goes to the sign-in page, its cookies ended", async () => {
  const answer = await call("create-checkout", {
    form: { pack: "starter" },
    headers: { cookie: "cascade_refresh=nonsense" },
  });
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/sign-in/"]);
  expect(answer.headers.getSetCookie()).toEqual(endedPair);
});

test("a page's stolen refresh token ends the session for both", async () => {
  const { cookies } = await signedIn();
  const renewed = cookiesOf(await call("me", { headers: renewing(cookies) }));
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31 * SECOND_MS });
  expect((await call("me", { headers: renewing(cookies) })).status).toBe(401);
  expect((await call("me", { headers: sending(renewed) })).status).toBe(401);
});

test("a bearer call never touches cookies, whether its token is good or not", async () => {
  const { id, token, cookies } = await signedIn();
  for (const [bearer, status] of [
    [token, 200],
    ["nonsense", 401],
    [`ck_test_${"a".repeat(39)}`, 401],
  ] as const) {
    const answer = await call("me", { token: bearer, headers: renewing(cookies) });
    expect(answer.status).toBe(status);
    expect(answer.headers.getSetCookie()).toEqual([]);
  }
  expect(await usedTokens(id)).toBe(0);
});

test("an API key beside a page's cookies is the caller, and no cookie is touched", async () => {
  const { id, token, cookies } = await signedIn();
  const { body } = await call("api-keys", { json: { name: "one" }, token });
  const answer = await call("usage", { token: body.key, headers: renewing(cookies) });
  expect(answer.status).toBe(200);
  expect(answer.headers.getSetCookie()).toEqual([]);
  expect(await usedTokens(id)).toBe(0);
});

test("403: what another site sends renews nothing", async () => {
  const { id, cookies } = await signedIn();
  const headers = { ...renewing(cookies), origin: "https://evil.example" };
  const answer = await call("api-keys", { json: { name: "theirs" }, headers });
  expect([answer.status, answer.body.code]).toEqual([403, "foreign_origin"]);
  expect(answer.headers.getSetCookie()).toEqual([]);
  expect(await usedTokens(id)).toBe(0);
});

/** The same call as it comes over https. */
async function overHttps(name: string, init: RequestInit): Promise<Response> {
  const { default: run } = (await import(`../../../netlify/functions/${name}.ts`)) as {
    default: NetlifyFunction;
  };
  const request = new Request(`${site.replace("http:", "https:")}/api/${name}`, init);
  return await run(request, { ip: "203.0.113.9", waitUntil: () => undefined } as never);
}

test("over https the cookies are Secure and __Host-: names without the prefix count for nothing", async () => {
  const { email } = await newCustomer();
  const signedIn = await overHttps("login", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  const set = signedIn.headers.getSetCookie();
  expect(set.map((cookie) => cookie.split("=")[0])).toEqual([
    "__Host-cascade_session",
    "__Host-cascade_refresh",
    "__Host-cascade_device",
  ]);
  for (const cookie of set)
    expect(cookie).toMatch(/^[^;]+; Path=\/; HttpOnly; SameSite=Lax; Expires=[^;]+; Secure$/);

  const cookies = cookiesOf(signedIn);
  const refresh = cookies["__Host-cascade_refresh"] ?? "";
  const planted = await overHttps("me", { headers: { cookie: `cascade_refresh=${refresh}` } });
  expect(planted.status).toBe(401);
  const renewed = await overHttps("me", { headers: { cookie: `__Host-cascade_refresh=${refresh}` } });
  expect(renewed.status).toBe(200);
  expect(Object.keys(cookiesOf(renewed))).toEqual(["__Host-cascade_session", "__Host-cascade_refresh"]);
});
