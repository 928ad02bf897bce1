/** Signing in: one answer and the same work for a wrong password and an unknown e-mail; what the session is. */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call, site } from "../../support/call.ts";
import { useLog } from "../../support/log.ts";
import { newCustomer, useWorld } from "../../support/world.ts";

const world = useWorld();
const log = useLog();
const password = "correct horse battery";

const hash = vi.spyOn(crypto, "argon2");
beforeEach(() => {
  syncBuiltinESMExports();
  hash.mockClear();
});
afterEach(() => {
  vi.useRealTimers();
});

test("the right password gives a program its tokens, and no cookie", async () => {
  const { id, email, citizen } = await newCustomer();
  const answer = await call("login", { json: { email, password, bearer: true } });
  expect(answer.status).toBe(200);
  const { tokens, account } = answer.body;
  expect(account).toEqual({
    ...{ id, email, citizen },
    ...{ emailVerified: true, citizenProved: false, role: "customer" },
  });
  const { kid, ...header } = decodeProtectedHeader(tokens.accessToken);
  expect(header).toEqual({ alg: "HS256" });
  expect(kid).toMatch(/^[0-9a-f]{8}$/);
  const claims = decodeJwt(tokens.accessToken);
  expect(claims).toEqual({
    ...{ iss: "cascade", aud: "cascade-site", sub: id },
    sid: expect.stringMatching(/^ses_[0-9a-z]{20}$/),
    ...{ iat: claims.iat, exp: claims.exp },
  });
  expect(Number(claims.exp) - Number(claims.iat)).toBe(15 * 60);
  expect(Math.floor(Date.parse(tokens.accessExpiresAt) / 1000)).toBe(claims.exp);
  expect(answer.headers.getSetCookie()).toEqual([]);
});

test("the right password gives a page cookies that no script reads, and no token", async () => {
  const { email } = await newCustomer();
  const answer = await call("login", { json: { email, password } });
  expect([answer.status, answer.body.tokens]).toEqual([200, null]);
  const attributes = "Path=/; HttpOnly; SameSite=Lax; Expires=[^;]+ GMT";
  expect(answer.headers.getSetCookie()).toEqual(
    ["session", "refresh", "device"].map((name) =>
      expect.stringMatching(new RegExp(`^cascade_${name}=[\\w.-]+; ${attributes}$`)),
    ),
  );
  for (const cookie of answer.headers.getSetCookie())
    expect(answer.text).not.toContain(/=([^;]+)/.exec(cookie)?.[1]);
});

test("over https the cookies are Secure, and of this host alone", async () => {
  const customer = await newCustomer();
  const { default: login } = await import("../../../netlify/functions/login.ts");
  const request = new Request(`${site.replace("http:", "https:")}/.netlify/functions/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: customer.email, password }),
  });
  const answer = await login(request, { ip: "203.0.113.9", waitUntil: () => undefined } as never);
  const cookies = answer.headers.getSetCookie();
  expect(cookies).toHaveLength(3);
  for (const cookie of cookies) expect(cookie).toMatch(/^__Host-cascade_\w+=.+; Path=\/; .*; Secure$/);
});

test("the e-mail's letters and the spaces around it don't count, the password's do", async () => {
  const { email } = await newCustomer();
  expect((await call("login", { json: { email: ` ${email.toUpperCase()} `, password } })).status).toBe(200);
  expect((await call("login", { json: { email, password: password.toUpperCase() } })).status).toBe(401);
});

test("a wrong password and an unknown e-mail get one answer, by the same work", async () => {
  const { email } = await newCustomer();
  const work = [];
  for (const json of [
    { email, password: "wrong horse battery" },
    { email: "nobody@example.com", password },
  ]) {
    hash.mockClear();
    world.gateway.faults.forget();
    world.upstash.faults.forget();
    const { status, headers, body } = await call("login", { json });
    const { requestId, ...rest } = body;
    expect(requestId).toMatch(/^req_/);
    const names = [...headers.keys()].sort();
    const asked = [world.gateway, world.upstash].map(({ faults }) => faults.seen.map(({ path }) => path));
    work.push({
      status,
      rest,
      names,
      asked,
      trips: log.last().trips,
      hashes: hash.mock.calls.map(([kind]) => kind),
    });
  }
  const [known, unknown] = work;
  expect(known?.rest).toMatchObject({ status: 401, code: "invalid_credentials" });
  expect(known?.names).not.toContain("set-cookie");
  expect(known?.hashes).toEqual(["argon2id"]);
  expect(known?.trips).toEqual({ redis: 2, postgres: 2 });
  expect(unknown).toEqual(known);
});

test("both branches hash with the same cost", async () => {
  const { email } = await newCustomer();
  hash.mockClear();
  await call("login", { json: { email, password: "wrong horse battery" } });
  await call("login", { json: { email: "nobody@example.com", password } });
  const costs = hash.mock.calls.map(([, { memory, passes, parallelism, tagLength, nonce }]) => ({
    ...{ memory, passes, parallelism, tagLength },
    nonce: Buffer.from(nonce as Uint8Array).length,
  }));
  expect(costs).toHaveLength(2);
  expect(costs[1]).toEqual(costs[0]);
});

test.each([
  ["an empty password", { password: "" }],
  ["a NUL in the e-mail", { email: "a\u0000@example.com" }],
  ["half a letter in the e-mail", { email: "a\ud800@example.com" }],
  ["a NUL in the password", { password: "\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000" }],
  ["no e-mail at all", { email: "" }],
])("%s signs nobody in and is no fault of ours", async (_, wrong) => {
  const { email } = await newCustomer();
  const answer = await call("login", { json: { email, password, ...wrong } });
  expect([401, 422]).toContain(answer.status);
  expect(answer.headers.getSetCookie()).toEqual([]);
});

test.each([
  ["no password", { email: "a@example.com" }, "password"],
  ["a password too long", { email: "a@example.com", password: "a".repeat(201) }, "password"],
  ["a number as e-mail", { email: 1, password: "a" }, "email"],
  ["a foreign field", { email: "a@example.com", password: "a", remember: true }, "remember"],
])("%s is refused by its field, and no password is checked", async (_, json, field) => {
  hash.mockClear();
  const answer = await call("login", { json });
  expect([answer.status, answer.body.code, answer.body.field]).toEqual([422, "invalid_field", field]);
  expect(hash).not.toHaveBeenCalled();
});

test("a form signs in with 303, and its cookie is the session", async () => {
  const customer = await newCustomer();
  const answer = await call("login", { form: { email: customer.email, password } });
  expect([answer.status, answer.headers.get("location"), answer.text]).toEqual([303, "/account/", ""]);
  const [cookie = ""] = answer.headers.getSetCookie();
  const me = await call("me", { headers: { cookie: cookie.split(";")[0] ?? "" } });
  expect(me.body.account.id).toBe(customer.id);
});

test("a form with a wrong password is answered with a page, and no cookie", async () => {
  const { email } = await newCustomer();
  const answer = await call("login", { form: { email, password: "wrong horse battery" } });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([401, "text/html; charset=utf-8"]);
  expect(answer.headers.getSetCookie()).toEqual([]);
});

test("neither e-mail, password nor token is logged", async () => {
  const { email } = await newCustomer();
  const { body } = await call("login", { json: { email, password, bearer: true } });
  await call("login", { json: { email, password: "wrong horse battery" } });
  const { accessToken, refreshToken } = body.tokens;
  for (const secret of [email, "horse battery", accessToken, accessToken.split(".")[2], refreshToken])
    expect(log.text()).not.toContain(secret);
});

test("the database away: 503 and no session", async () => {
  const { email } = await newCustomer();
  world.gateway.faults.plan({ kind: "drop_before" });
  const answer = await call("login", { json: { email, password } });
  expect([answer.status, answer.body.code]).toEqual([503, "database_unavailable"]);
  expect(answer.headers.getSetCookie()).toEqual([]);
});
